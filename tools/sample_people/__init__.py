"""Makes the embedded sample of synthetic people."""
