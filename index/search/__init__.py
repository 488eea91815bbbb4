"""Nearest people of a gallery: index snapshots, and changes since."""
