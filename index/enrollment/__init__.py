"""How people get into a gallery."""
