"""From a manifest to the batches of a training."""
