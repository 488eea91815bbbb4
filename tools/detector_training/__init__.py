"""Trains the detector, landmark model and mask classifier."""
