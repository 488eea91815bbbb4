"""Nearest-neighbour search over vectors; knows no gallery."""
