"""Options of `augment`; imports nothing heavy, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

from masking.errors import InvalidConfig


@dataclass(frozen=True)
class AugmentConfig:
    """What `augment` makes of each photograph."""

    variants: int = field(default=2, metadata={"help": "Masked versions a photo."})
    kinds: str = field(
        default="surgical,cloth,ffp2,kn95,duckbill,gaiter",
        metadata={"help": "Mask kinds to draw from, separated by commas."},
    )
    wrong_wear: float = field(
        default=1.0,
        metadata={
            "help": "How often masks are worn wrongly: 0 never, 1 a quarter, at most 4."
        },
    )
    seed: int = field(default=0, metadata={"help": "Another seed, other masks."})
    workers: int = field(
        default=0, metadata={"help": "Processes; 0 is one a core.", "records": False}
    )

    def __post_init__(self) -> None:
        if not 0 <= self.variants <= 100:
            raise InvalidConfig(f"variants must be in [0, 100], got {self.variants}")
        if self.seed < 0:
            raise InvalidConfig(f"seed must not be negative, got {self.seed}")
        if self.workers < 0:
            raise InvalidConfig(f"workers must not be negative, got {self.workers}")
