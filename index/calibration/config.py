"""Settings of `calibrate`; imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass, field

from masking.errors import InvalidConfig


@dataclass(frozen=True)
class CalibrateConfig:
    """How impostors are turned into thresholds."""

    masks: int = field(
        default=3, metadata={"help": "Masks to render on each photo of an impostor."}
    )
    validation_fraction: float = field(
        default=0.1,
        metadata={"help": "Fraction of the last augment's people that train held out."},
    )
    validation_seed: int = field(
        default=0, metadata={"help": "Of that choice of people, as given to train."}
    )
    workers: int = field(
        default=0, metadata={"help": "Processes that find faces; 0 = one a CPU core."}
    )

    def __post_init__(self) -> None:
        if self.masks < 1:
            raise InvalidConfig(f"masks must be at least 1, got {self.masks}")
        if not 0 < self.validation_fraction < 1:
            raise InvalidConfig(
                f"validation-fraction must be in (0, 1), got {self.validation_fraction}"
            )
        if self.validation_seed < 0 or self.workers < 0:
            raise InvalidConfig(
                "validation-seed and workers must not be negative, got "
                f"{self.validation_seed} and {self.workers}"
            )
