"""Thresholds and probabilities, and the decision that uses them."""
