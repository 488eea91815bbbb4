"""Which masks a training renders."""

from __future__ import annotations

from masking.masks.spec import SpecConfig


def spec_config(kinds: str, occluded: float = 0.0) -> SpecConfig:
    """Masks of some kinds.

    Args:
        kinds: separated by commas.
        occluded: fraction of faces that also wear something else.

    Raises:
        InvalidConfig: an unknown kind.
    """
    names = tuple(kind.strip() for kind in kinds.split(","))
    return SpecConfig(names, occluded=occluded)
