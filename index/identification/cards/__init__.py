"""The pictures that show an answer."""
