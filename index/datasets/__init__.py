"""What `evaluate` and `calibrate` read: labelled photos, pairs, tables."""
