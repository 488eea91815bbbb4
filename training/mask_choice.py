"""Which masks a training paints."""

from __future__ import annotations

from masking.mask_spec import SpecConfig


def spec_config(kinds: str) -> SpecConfig:
    """Masks of some kinds.

    Args:
        kinds: separated by commas.

    Raises:
        InvalidConfig: an unknown kind.
    """
    return SpecConfig(tuple(kind.strip() for kind in kinds.split(",")))
