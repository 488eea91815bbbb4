"""Makes what is shipped: weights, calibrations, pictures."""
