"""Pictures of the user that become prints of masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from masking.datasets.images import decode_rgb, file_sha256, list_images, read_bytes
from masking.errors import BadRecord
from masking.landmarks import Float32
from masking.masks.colours import LINEAR
from masking.masks.patterns import TILE_PX, closed

_KEPT = 64


@dataclass(frozen=True)
class Texture:
    """A picture file and the SHA-256 of its bytes."""

    path: str
    sha256: str


def list_textures(folder: Path) -> tuple[Texture, ...]:
    """All pictures of a folder, each decoded once, so that bad ones show at once.

    Raises:
        MissingInput: no folder, or no picture in it.
        UnreadableImage: one of them is damaged.
    """
    found = []
    for path in list_images(folder):
        data = read_bytes(path)
        decode_rgb(data, str(path))
        found.append(Texture(str(path), file_sha256(data)))
    return tuple(found)


@lru_cache(maxsize=_KEPT)
def texture_tile(path: str, sha256: str) -> Float32:
    """(P + 1, P + 1, 3) float32 linear RGB, P = TILE_PX; repeats without a seam.

    Raises:
        UnreadableImage: the file is gone or damaged.
        BadRecord: the file is not the one that was drawn.
    """
    data = read_bytes(Path(path))
    found = file_sha256(data)
    if found != sha256:
        raise BadRecord(
            f"{path}: has changed since the mask was drawn (SHA-256 {found[:8]}, "
            f"expected {sha256[:8]}). Restore the file or run augment again."
        )
    image = decode_rgb(data, path)
    half = (TILE_PX // 2, TILE_PX // 2)
    small = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    # Mirrored both ways, opposite edges are equal.
    across = np.hstack([small, small[:, ::-1]])
    return closed(LINEAR[np.vstack([across, across[::-1]])])
