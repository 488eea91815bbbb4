"""Lists, reads and writes image files; alone knows EXIF, modes and decoders."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from masking.errors import MissingInput, UnreadableImage
from masking.landmarks import Image
from masking.rec_collection import is_record_photo, read_record_photo

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
# 178 megapixels decode to half a gigabyte; more is an accident or an attack.
MAX_PIXELS = 178_000_000


def list_images(folder: Path) -> list[Path]:
    """Image files below `folder`, at any depth, sorted; hidden ones left out.

    Links are followed, each folder once, so that a link to a folder above ends.

    Raises:
        MissingInput: the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise MissingInput(
            f"{folder}: no such folder. Give a folder that holds photographs."
        )
    found = sorted(
        path
        for below in _folders(folder)
        for path in below.iterdir()
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not found:
        wanted = " ".join(sorted(SUFFIXES))
        raise MissingInput(f"{folder}: holds no image. Expected files ending {wanted}.")
    return found


def _folders(folder: Path) -> Iterator[Path]:
    """`folder` and all below it that are not hidden; real ones before linked ones."""
    seen: set[Path] = set()
    waiting = [folder]
    while waiting:
        for root, names, _ in os.walk(waiting.pop(0)):
            here = Path(root)
            if here.resolve() in seen:
                names.clear()
                continue
            seen.add(here.resolve())
            yield here
            names[:] = sorted(name for name in names if not name.startswith("."))
            # os.walk leaves links out.
            waiting += [here / name for name in names if (here / name).is_symlink()]


def read_rgb(path: Path) -> Image:
    """The picture of a file, upright, as (H, W, 3) uint8 RGB.

    Turns by EXIF; takes the first frame of an animation; accepts grey, palette,
    alpha (laid on black), CMYK and 16 bits a channel. Is strict about
    truncation, where OpenCV and dlib silently return grey pixels.

    Raises:
        UnreadableImage: missing, empty, no image, damaged or over MAX_PIXELS.
    """
    return decode_rgb(read_bytes(path), str(path))


def read_bytes(path: Path, name: str = "") -> bytes:
    """The bytes of an image file; `name` is used in messages instead of the path.

    Raises:
        UnreadableImage: missing or not readable.
    """
    if is_record_photo(path):
        return read_record_photo(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(
            f"{name or path}: cannot be read ({error.strerror or error})."
        ) from error


def decode_rgb(data: bytes, name: str) -> Image:
    """Like `read_rgb`, from the bytes of a file; `name` is used in messages."""
    if not data:
        raise UnreadableImage(f"{name}: the file is empty. Expected a photograph.")
    try:
        with Pillow.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise _too_large(name)
            upright = ImageOps.exif_transpose(picture)
            return _as_rgb(upright)
    except UnreadableImage:
        raise
    # Pillow looks at the size before anybody else can.
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"{name}: not an image that can be decoded. Expected JPEG, PNG, BMP, "
            "WebP or TIFF."
        ) from error
    # Pillow's decoders raise many types on damaged data (OSError, SyntaxError,
    # ValueError, struct.error ...); each means the same to the user.
    except Exception as error:
        raise UnreadableImage(
            f"{name}: the image is damaged ({error}). Copy or download it again."
        ) from error


def _too_large(name: str) -> UnreadableImage:
    return UnreadableImage(
        f"{name}: too large, pictures of at most {MAX_PIXELS:,} pixels are read. "
        "Shrink it first."
    )


def _as_rgb(picture: Pillow.Image) -> Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        # 16-bit grey files arrive as "I" or "I;16"; 8-bit content stays as it is.
        scale = 257.0 if values.max(initial=0) > 255 else 1.0
        grey = np.clip(values / scale, 0, 255).astype(np.uint8)
        return np.asarray(np.repeat(grey[:, :, None], 3, axis=2), dtype=np.uint8)
    if "A" in picture.mode or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        ground = Pillow.new("RGBA", rgba.size, (0, 0, 0, 255))
        picture = Pillow.alpha_composite(ground, rgba)
    return np.array(picture.convert("RGB"), dtype=np.uint8)


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


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new, never half."""
    with replaced_file(path) as file:
        file.write(data)


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when all went well.

    It lies in the same folder, which is made when it is not there.
    """
    temporary = path.with_name(f".writing-{token_hex(8)}")
    try:
        with _new_file(temporary) as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.filename not in (None, str(temporary)):
            raise
        # A full disk names no file and other errors name the temporary one.
        reason = error.strerror or str(error)
        raise OSError(error.errno, reason, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _new_file(path: Path) -> IO[bytes]:
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def file_sha256(data: bytes) -> str:
    """Hex SHA-256 of a file's bytes: the identity of a photograph."""
    return hashlib.sha256(data).hexdigest()
