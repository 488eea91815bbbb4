"""A training that takes a second."""

from training.config import TrainConfig

# Seed 1 keeps two of the eight people out.
CONFIG = TrainConfig(
    epochs=2,
    batch_size=4,
    samples_per_person=2,
    validation_fraction=0.3,
    validation_seed=1,
    seed=1,
    workers=1,
    device="cpu",
)
