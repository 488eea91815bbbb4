"""The command `train`: one training from start to checkpoint."""
