"""Trained models on disk, and their export."""
