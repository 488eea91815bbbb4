"""Damaged pictures, and what reading them must not do."""
