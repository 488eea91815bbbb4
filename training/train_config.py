"""Options of `train`; imports nothing heavy, the command line reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from masking.errors import InvalidConfig

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """How an embedder is trained. Fields without "records" do not change it."""

    epochs: int = field(default=6, metadata={"help": "Passes over all chips."})
    batch_size: int = field(default=64, metadata={"help": "Chips a step."})
    learning_rate: float = field(
        default=2e-4, metadata={"help": "Peak of the one-cycle schedule (AdamW)."}
    )
    masked_share: float = field(
        default=0.65, metadata={"help": "Share of chips that get a fresh mask."}
    )
    kinds: str = field(
        default="surgical,cloth,ffp2,kn95,duckbill,gaiter",
        metadata={"help": "Mask kinds to train on, separated by commas."},
    )
    prototype_weight: float = field(
        default=0.5,
        metadata={"help": "Weight of the softmax over frozen prototypes."},
    )
    distillation_weight: float = field(
        default=2.0,
        metadata={"help": "Weight of the distance to the bare chip's embedding."},
    )
    ema_decay: float = field(
        default=0.998, metadata={"help": "Decay of the averaged weights; 0 = none."}
    )
    blend: float = field(
        default=0.7,
        metadata={
            "help": "Share of the trained weights in the result; the start's the rest."
        },
    )
    validation_share: float = field(
        default=0.1, metadata={"help": "Share of people kept out for validation."}
    )
    seed: int = field(default=0, metadata={"help": "Of the order and all chance."})
    precision: str = field(
        default="auto",
        metadata={"help": "float32, bfloat16, or auto: bfloat16 on CUDA."},
    )
    device: str = field(
        default="auto",
        metadata={"help": "auto, cpu, cuda or cuda:N.", "records": False},
    )
    workers: int = field(
        default=0,
        metadata={"help": "Processes that paint masks; 0 = one a core."}
        | {"records": False},
    )

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InvalidConfig(f"epochs must be at least 1, got {self.epochs}")
        if self.batch_size < 2:
            raise InvalidConfig(f"batch-size must be at least 2, got {self.batch_size}")
        if not 0 < self.learning_rate < math.inf:
            raise InvalidConfig(
                f"learning-rate must be above 0, got {self.learning_rate}"
            )
        for name, weight in (
            ("prototype", self.prototype_weight),
            ("distillation", self.distillation_weight),
        ):
            if not 0 <= weight < math.inf:
                raise InvalidConfig(f"{name}-weight must be at least 0, got {weight}")
        if self.seed < 0:
            raise InvalidConfig(f"seed must not be negative, got {self.seed}")
        if not 0 <= self.masked_share <= 1:
            raise InvalidConfig(
                f"masked-share must be in [0, 1], got {self.masked_share}"
            )
        if not 0 <= self.ema_decay < 1:
            raise InvalidConfig(f"ema-decay must be in [0, 1), got {self.ema_decay}")
        if not 0 < self.blend <= 1:
            raise InvalidConfig(f"blend must be in (0, 1], got {self.blend}")
        if not 0 < self.validation_share < 1:
            raise InvalidConfig(
                f"validation-share must be in (0, 1), got {self.validation_share}"
            )
        if self.precision not in PRECISIONS:
            raise InvalidConfig(
                f"precision must be one of {', '.join(PRECISIONS)}, got "
                f"{self.precision!r}"
            )
        if self.workers < 0:
            raise InvalidConfig(f"workers must not be negative, got {self.workers}")
