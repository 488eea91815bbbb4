"""How well faces are found and people recognised."""
