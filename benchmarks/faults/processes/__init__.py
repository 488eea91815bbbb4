"""Processes that are killed, or work on one gallery at once."""
