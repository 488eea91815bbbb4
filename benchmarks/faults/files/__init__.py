"""Damaged files of every other kind that the toolkit reads."""
