"""The command `evaluate`: measures embedders on labelled photos."""
