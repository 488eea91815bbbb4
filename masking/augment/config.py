"""Options of `augment`; imports nothing heavy, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from masking.datasets.folders import Shard, shard_from
from masking.settings import Settings, setting


@dataclass(frozen=True)
class AugmentConfig(Settings):
    """What `augment` makes of each photograph."""

    variants: int = setting(2, "Masked versions a photo.", at_least=0, at_most=100)
    output: Literal["chip", "photo", "both"] = setting(
        "chip",
        "chip: aligned faces, what train reads; photo: whole photographs at their own "
        "quality; or both.",
    )
    faces: Literal["all", "prominent"] = setting(
        "all", "Whom to mask in whole photographs."
    )
    alpha: bool = setting(
        False, "Also write how much of each pixel is covered (grey PNG)."
    )
    parts: bool = setting(False, "Also write what covers each pixel (indexed PNG).")
    kinds: str = setting(
        "surgical,cloth,ffp2,kn95,duckbill,gaiter",
        "Mask kinds to draw from, separated by commas.",
    )
    wrongly_worn: float = setting(
        1.0,
        "How often masks are worn wrongly: 0 never, 1 a quarter.",
        at_least=0,
        at_most=4,
    )
    occluded: float = setting(
        0.0,
        "Fraction of faces that also get sunglasses, a hand, cap, scarf or patch.",
        at_least=0,
        at_most=1,
    )
    textures: str = setting(
        "", "Folder of pictures to print on cloth masks and gaiters."
    )
    crop_is_face: bool = setting(
        False,
        "Where no face is found, take the whole picture for one; such rows name the "
        "detector 'crop'.",
    )
    seed: int = setting(0, "Another seed, other masks.", at_least=0)
    preview: bool = setting(
        False,
        "Also draw kinds.png: every kind, wearing style and pose.",
        recorded=False,
    )
    shard: str = setting(
        "1/1",
        "I/N: work on part I of N, one on each machine; then --merge.",
        recorded=False,
    )
    ray: bool = setting(
        False,
        "Work on a Ray cluster: that of RAY_ADDRESS, else one of this machine's cores.",
        recorded=False,
    )
    workers: int = setting(0, "Processes; 0 is one a core.", at_least=0, recorded=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        shard_from(self.shard)

    @property
    def part(self) -> Shard:
        """The part of the collection to work on."""
        return shard_from(self.shard)
