"""Pictures for programs: read from files, and those of the embedded sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_newcomers, sample_people
from masking.errors import InvalidConfig, ToolkitError
from masking.landmarks import Image

__all__ = ["ToolkitError", "read_picture", "sample_newcomers", "sample_people"]


def read_picture(path: Path | str) -> Image:
    """The (H, W, 3) uint8 RGB pixels of a photo's file, the right way up.

    Raises:
        UnreadableImage: missing, no image, damaged or too large.
    """
    return read_rgb(Path(path))


def checked_picture(picture: Any) -> Image:
    """Refuses what is no (H, W, 3) uint8 array."""
    found = np.asarray(picture)
    if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3:
        raise InvalidConfig(
            f"a picture is an (H, W, 3) uint8 array in RGB, got {found.shape} "
            f"{found.dtype}. Mask before pixels become floats."
        )
    return found
