"""Options of `augment`; imports nothing heavy, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from masking.datasets.shards import Shard, shard_from
from masking.errors import InvalidConfig

_CHOICES = {
    "output": ("chip", "photo", "both"),
    "faces": ("all", "prominent"),
    "engine": ("local", "ray"),
}


@dataclass(frozen=True)
class AugmentConfig:
    """What `augment` makes of each photograph."""

    variants: int = field(default=2, metadata={"help": "Masked versions a photo."})
    output: str = field(
        default="chip",
        metadata={
            "help": "chip: aligned faces, what train reads; photo: whole photographs "
            "at their own quality; or both."
        },
    )
    faces: str = field(
        default="all",
        metadata={"help": "Whom to mask in whole photographs: all or prominent."},
    )
    alpha: bool = field(
        default=False,
        metadata={"help": "Also write how much of each pixel is covered (grey PNG)."},
    )
    parts: bool = field(
        default=False,
        metadata={"help": "Also write what covers each pixel (indexed PNG)."},
    )
    kinds: str = field(
        default="surgical,cloth,ffp2,kn95,duckbill,gaiter",
        metadata={"help": "Mask kinds to draw from, separated by commas."},
    )
    wrongly_worn: float = field(
        default=1.0,
        metadata={
            "help": "How often masks are worn wrongly: 0 never, 1 a quarter, at most 4."
        },
    )
    occluded: float = field(
        default=0.0,
        metadata={
            "help": "Fraction of faces that also get sunglasses, a hand, cap, scarf or "
            "patch."
        },
    )
    textures: str = field(
        default="",
        metadata={"help": "Folder of pictures to print on cloth masks and gaiters."},
    )
    crop_is_face: bool = field(
        default=False,
        metadata={
            "help": "Where no face is found, take the whole picture for one; such rows "
            "name the detector 'crop'."
        },
    )
    seed: int = field(default=0, metadata={"help": "Another seed, other masks."})
    preview: bool = field(
        default=False,
        metadata={
            "help": "Also draw kinds.png: every kind, wearing style and pose.",
            "records": False,
        },
    )
    shard: str = field(
        default="1/1",
        metadata={
            "help": "I/N: work on part I of N, one on each machine; then --merge.",
            "records": False,
        },
    )
    engine: str = field(
        default="local",
        metadata={
            "help": "local: processes of this machine; ray: a Ray cluster.",
            "records": False,
        },
    )
    workers: int = field(
        default=0, metadata={"help": "Processes; 0 is one a core.", "records": False}
    )

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidConfig(
                    f"{name} must be one of {', '.join(choices)}, "
                    f"got {getattr(self, name)!r}"
                )
        if not 0 <= self.variants <= 100:
            raise InvalidConfig(f"variants must be in [0, 100], got {self.variants}")
        if self.seed < 0:
            raise InvalidConfig(f"seed must not be negative, got {self.seed}")
        if self.workers < 0:
            raise InvalidConfig(f"workers must not be negative, got {self.workers}")
        shard_from(self.shard)

    @property
    def part(self) -> Shard:
        """The part of the collection to work on."""
        return shard_from(self.shard)

    def recorded(self) -> dict[str, Any]:
        """The options that decide the files; how the work is shared does not."""
        kept = [item for item in fields(self) if item.metadata.get("records", True)]
        return {item.name: getattr(self, item.name) for item in kept}
