"""Photographs on disk: reading and writing images, folders of people, data sets."""
