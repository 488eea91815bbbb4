"""Options of `train`; imports nothing heavy, the command line reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from masking.errors import InvalidConfig

PRECISIONS = ("auto", "float32", "bfloat16")
COMPILE = ("auto", "yes", "no")
NO_HEAD = "none"
MARGIN_HEADS = ("arcface", "cosface", "adaface")
PAIR_HEADS = ("triplet", "multi-similarity", "contrastive")


@dataclass(frozen=True)
class TrainConfig:
    """How an embedder is trained. Fields without "records" do not change it."""

    backbone: str = field(
        default="auto",
        metadata={
            "help": "dlib, iresnet18, iresnet34, iresnet50, iresnet100 or timm:NAME; "
            "auto is that of --start."
        },
    )
    epochs: int = field(default=6, metadata={"help": "Passes over all chips."})
    batch_size: int = field(
        default=256,
        metadata={"help": "Chips a step, of all processes and accumulated parts."},
    )
    samples_per_person: int = field(
        default=4,
        metadata={"help": "Chips of each person in a batch (P x K); 0 = any people."},
    )
    learning_rate: float = field(
        default=2e-4, metadata={"help": "Peak of the cosine schedule (AdamW)."}
    )
    warm_up: float = field(
        default=0.25, metadata={"help": "Fraction of the steps before that peak."}
    )
    masked_fraction: float = field(
        default=0.5, metadata={"help": "Fraction of chips that get a fresh mask."}
    )
    shared_masks: float = field(
        default=0.0,
        metadata={
            "help": "Fraction of masked chips that wear the mask of another person."
        },
    )
    kinds: str = field(
        default="surgical,cloth,ffp2,kn95,duckbill,gaiter",
        metadata={"help": "Mask kinds to train on, separated by commas."},
    )
    occluded: float = field(
        default=0.1,
        metadata={
            "help": "Fraction of masked faces with a hand, glasses or a hat besides."
        },
    )
    prototype_weight: float = field(
        default=0.5,
        metadata={
            "help": "Weight of the softmax over frozen prototypes of the start network."
        },
    )
    distillation_weight: float = field(
        default=4.0,
        metadata={
            "help": "Weight of the distance to the start network's embedding of the "
            "unmasked chip. From scratch there is no such network."
        },
    )
    head: str = field(
        default="contrastive",
        metadata={
            "help": "arcface, cosface, adaface, triplet, multi-similarity, contrastive "
            "or none."
        },
    )
    head_weight: float = field(
        default=0.5,
        metadata={"help": "Weight of the head; 2 suits multi-similarity."},
    )
    margin: float = field(
        default=0.0, metadata={"help": "Of the head; 0 = its authors' choice."}
    )
    head_scale: float = field(
        default=64.0, metadata={"help": "Of the cosines in a margin head."}
    )
    class_fraction: float = field(
        default=1.0,
        metadata={
            "help": "Fraction of the people in each step's softmax of a margin head."
        },
    )
    freeze_stages: int = field(
        default=0,
        metadata={"help": "Stages, from the input on, that stay as they are."},
    )
    cached_variants: int = field(
        default=0,
        metadata={
            "help": "Render each chip so many times only and keep it on disk, with "
            "frozen stages what they make of it; 0 = fresh masks in every epoch."
        },
    )
    ema_decay: float = field(
        default=0.998, metadata={"help": "Decay of the averaged weights; 0 = none."}
    )
    blend: float = field(
        default=0.8,
        metadata={
            "help": "Fraction of trained weights in the result, the start's being the "
            "rest; from scratch it is 1."
        },
    )
    validation_fraction: float = field(
        default=0.1, metadata={"help": "Fraction of people held out for validation."}
    )
    validation_seed: int = field(
        default=0,
        metadata={
            "help": "Draws these people; the same one for runs that are averaged."
        },
    )
    seed: int = field(default=0, metadata={"help": "Of the order and all chance."})
    precision: str = field(
        default="auto",
        metadata={"help": "float32, bfloat16, or auto: bfloat16 on CUDA."},
    )
    accumulate: int = field(
        default=1,
        metadata={"help": "Parts in which each process works through its batch."},
    )
    checkpointing: bool = field(
        default=False,
        metadata={"help": "Save memory by computing each stage twice."}
        | {"records": False},
    )
    compile: str = field(
        default="auto",
        metadata={"help": "torch.compile: yes, no, or auto: on CUDA."}
        | {"records": False},
    )
    tensorboard: bool = field(
        default=False,
        metadata={"help": "Log to MODELS/train-report for TensorBoard."}
        | {"records": False},
    )
    device: str = field(
        default="auto",
        metadata={"help": "auto, cpu, cuda or cuda:N.", "records": False},
    )
    workers: int = field(
        default=0,
        metadata={"help": "Processes that render masks; 0 = one a core."}
        | {"records": False},
    )

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            # Written this way round, a value that is no number is refused too.
            if not low <= value <= high:
                raise InvalidConfig(
                    f"{name.replace('_', '-')} must be {_said(low, high)}, got {value}"
                )
        for name, allowed in _CHOICES:
            if getattr(self, name) not in allowed:
                raise InvalidConfig(
                    f"{name} must be one of {', '.join(allowed)}, got "
                    f"{getattr(self, name)!r}"
                )
        self._check_together()

    def recorded(self) -> dict[str, Any]:
        """The options that decide the result."""
        kept = [item for item in fields(self) if item.metadata.get("records", True)]
        return {item.name: getattr(self, item.name) for item in kept}

    def _check_together(self) -> None:
        size, samples = self.batch_size, self.samples_per_person
        if samples and (size % samples or size < 2 * samples):
            raise InvalidConfig(
                f"batch-size must be a multiple of samples-per-person, {samples}, and "
                f"hold two people, got {size}"
            )
        if self.head in PAIR_HEADS and samples < 2:
            raise InvalidConfig(
                f"head {self.head} compares photos of a person: samples-per-person "
                f"must be at least 2, got {samples}"
            )
        if self.cached_variants and (samples or self.shared_masks):
            raise InvalidConfig(
                "cached-variants keeps one mask of a chip: samples-per-person and "
                "shared-masks must be 0, and head none or one with a margin"
            )


_TINY = 1e-12
_MOST = 1e12
_BELOW_1 = 1 - 1e-9
# Name, lowest and highest value.
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, _MOST),
    ("batch_size", 2, _MOST),
    ("samples_per_person", 0, 1000),
    ("learning_rate", _TINY, _MOST),
    ("warm_up", 0, _BELOW_1),
    ("masked_fraction", 0, 1),
    ("occluded", 0, 1),
    ("shared_masks", 0, 1),
    ("prototype_weight", 0, _MOST),
    ("distillation_weight", 0, _MOST),
    ("head_weight", _TINY, _MOST),
    ("margin", 0, math.pi),
    ("head_scale", _TINY, _MOST),
    ("class_fraction", _TINY, 1),
    ("freeze_stages", 0, 100),
    ("cached_variants", 0, 1000),
    ("ema_decay", 0, _BELOW_1),
    ("blend", _TINY, 1),
    ("validation_fraction", _TINY, _BELOW_1),
    ("validation_seed", 0, _MOST),
    ("seed", 0, _MOST),
    ("accumulate", 1, _MOST),
    ("workers", 0, _MOST),
)
_CHOICES = (
    ("precision", PRECISIONS),
    ("compile", COMPILE),
    ("head", (NO_HEAD, *MARGIN_HEADS, *PAIR_HEADS)),
)


def _said(low: float, high: float) -> str:
    """A range as a person would say it."""
    least = "above 0" if low == _TINY else f"at least {low:g}"
    return f"{least} and {'below 1' if high == _BELOW_1 else f'at most {high:g}'}"
