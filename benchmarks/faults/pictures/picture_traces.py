"""Whether anything in a damaged picture's file tells that it is damaged."""

from __future__ import annotations

import io
import multiprocessing
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

# Damage that leaves a file's length and structure as they were.
_IN_PLACE = frozenset({"flip", "flip head", "zero tail", "zero block", "splice"})
# Checksums over all pixels: PNG's of each chunk, zlib's in packed TIFFs.
_CHECKED = ("png", "tiff tiff_adobe_deflate")


def leaves_no_trace(damage: str, kind: str, data: bytes) -> bool:
    """Whether a reader cannot know.

    BMP, TIFF and WebP hold pixels, or codes of them, without a checksum. So do JPEG
    and packed TIFFs, whose decoders say when codes are left over or missing. Pictures
    of a video may be smaller than its canvas.

    Args:
        damage: a name of `picture_damage`.
        kind: of the whole picture.
    """
    if (damage, kind) == ("size", "webp video"):
        return True
    if damage not in _IN_PLACE or kind.startswith(_CHECKED):
        return False
    return not (kind.startswith(("jpeg", "tiff")) and _decoder_warns(data))


def _decoder_warns(data: bytes) -> bool:
    """Whether libjpeg, by way of OpenCV, or libtiff, by that of Pillow, complains."""
    handle, name = tempfile.mkstemp()
    try:
        # In another process, which may die of it; this one stays small.
        context = multiprocessing.get_context("fork")
        policy = context.Process(target=_decode, args=(data, handle))
        policy.start()
        policy.join()
        return policy.exitcode != 0 or Path(name).stat().st_size > 0
    finally:
        os.close(handle)
        Path(name).unlink()


def _decode(data: bytes, errors: int) -> None:
    import cv2

    os.dup2(errors, 2)
    if data.startswith(b"\xff\xd8"):
        found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
        os._exit(0 if found is not None else 1)
    try:
        Pillow.open(io.BytesIO(data), formats=["TIFF"]).load()
    except Exception:
        os._exit(1)
    os._exit(0)
