"""How many faces are found, how exactly, at what cost."""
