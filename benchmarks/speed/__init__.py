"""How fast each stage is, beside a peer or a limit."""
