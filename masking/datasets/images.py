"""Lists, reads and writes image files."""

from __future__ import annotations

import hashlib
import io
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from masking.datasets.folder_walk import tell_passed_over, walk_pictures
from masking.datasets.image_decoding import decode_rgb
from masking.datasets.recordio import is_record_photo, read_record_photo
from masking.errors import MissingInput, UnreadableImage
from masking.files.picture_kinds import OTHER_SUFFIXES
from masking.files.picture_kinds import SUFFIXES as SUFFIXES
from masking.files.writing import write_bytes
from masking.landmarks import Image

# The largest pictures that image_decoding accepts are smaller.
MAX_BYTES = 500_000_000


def list_images(folder: Path) -> list[Path]:
    """All pictures that `walk_pictures` finds, those that cannot be read too.

    Raises:
        MissingInput: the folder does not exist, cannot be listed or holds no picture.
    """
    if not folder.is_dir():
        raise MissingInput(
            f"{folder}: no such folder. Give a folder that holds photographs."
        )
    found = list(walk_pictures(folder))
    tell_passed_over(folder, [file.name for file in found if file.passed_over])
    pictures = [folder / file.name for file in found if not file.passed_over]
    if not pictures:
        raise MissingInput(no_picture_in(folder))
    return pictures


def no_picture_in(folder: Path) -> str:
    """What to say of a folder without a picture."""
    wanted = " ".join(sorted(SUFFIXES))
    return f"{folder}: holds no image. Expected files ending {wanted}."


def read_rgb(path: Path) -> Image:
    """The picture of a file as `decode_rgb` gives it.

    Raises:
        UnreadableImage: as `read_bytes` and `decode_rgb`.
    """
    return decode_rgb(read_bytes(path), str(path))


def read_bytes(path: Path, name: str = "") -> bytes:
    """The bytes of an image file; `name` is used in messages instead of the path.

    Raises:
        UnreadableImage: of OTHER_SUFFIXES, missing, not readable, over MAX_BYTES, or
            a folder, pipe, device or socket, of which nothing is read: it may never
            end.
    """
    if is_record_photo(path):
        return read_record_photo(path)
    refuse_other_kinds(path, name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage(
                f"{name or path}: cannot be read, it is {_kind(status.st_mode)}. "
                "Expected a photograph's file: save the picture as one first."
            )
        if status.st_size > MAX_BYTES:
            raise UnreadableImage(
                f"{name or path}: too large, {status.st_size:,} bytes, expected at "
                f"most {MAX_BYTES:,}. Shrink the picture first."
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(
            f"{name or path}: cannot be read ({error.strerror or error})."
        ) from error


def refuse_other_kinds(path: Path, name: str = "") -> None:
    """Raise UnreadableImage for a file that is named as one of OTHER_SUFFIXES."""
    suffix = path.suffix.lower()
    if suffix in OTHER_SUFFIXES:
        wanted = " ".join(sorted(SUFFIXES))
        raise UnreadableImage(
            f"{name or path}: {suffix} files are not read. Convert to one of {wanted}."
        )


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


def encode_image(pixels: NDArray[np.uint8], suffix: str, quality: int = 95) -> bytes:
    """An (H, W, 3) RGB or (H, W) grey picture as the bytes of a file.

    Args:
        suffix: ".jpg" (colour kept at full resolution) or ".png".
        quality: JPEG quality, 1 to 100; PNG ignores it.
    """
    buffer = io.BytesIO()
    picture = Pillow.fromarray(pixels)
    if suffix == ".jpg":
        picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    elif suffix == ".png":
        picture.save(buffer, "PNG", compress_level=3)
    else:
        raise ValueError(f"can write .jpg and .png, not {suffix!r}")
    return buffer.getvalue()


def write_image(path: Path, pixels: NDArray[np.uint8], quality: int = 95) -> None:
    """Write a picture so that a crash leaves the old file or the new, never half."""
    write_bytes(path, encode_image(pixels, path.suffix.lower(), quality))


def file_sha256(data: bytes) -> str:
    """Hex SHA-256 of a file's bytes: the identity of a photograph."""
    return hashlib.sha256(data).hexdigest()
