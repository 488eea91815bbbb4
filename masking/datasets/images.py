"""Lists, reads, decodes and writes image files; alone knows decoders, modes and EXIF.

Each kind has the decoder that tells damage and keeps off the terminal. JPEG:
libjpeg-turbo through simplejpeg, as Pillow drops its warnings and returns grey or
wrong pixels. TIFF: OpenCV, which reads 16 bits and floats and whose libtiff can be
silenced; Pillow's cannot. Others: Pillow, whose checks of PNG need no libpng.
"""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import JpegImagePlugin, TiffImagePlugin, UnidentifiedImageError

from masking.datasets.folders import OTHER_SUFFIXES, tell_passed_over, walk_pictures
from masking.datasets.folders import SUFFIXES as SUFFIXES
from masking.datasets.recordio import SUFFIX as REC_SUFFIX
from masking.datasets.recordio import read_record_photo
from masking.errors import MissingInput, UnreadableImage
from masking.files.whole_pictures import (
    check_bmp,
    check_png,
    check_tiff,
    check_webp,
)
from masking.files.writing import write_bytes
from masking.landmarks import Image

# Pillow opens 40 more by content; PostScript, for one, would start Ghostscript.
# JPEG includes MPO: the first picture of several.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
# What decoding takes at most, the file's own bytes counted: 166 megapixels of an
# ordinary JPEG, 111 of one in full colour or a PNG, 83 of a TIFF, 52 of a WebP.
MAX_MEMORY_BYTES = 1_000_000_000
_ORIENTATION = 0x0112
# EXIF's orientation: whether rows become columns, then what is mirrored as cv2.flip
# counts (0 top and bottom, 1 left and right, -1 both; None nothing).
_TURNS: dict[int, tuple[bool, int | None]] = {
    2: (False, 1),
    3: (False, -1),
    4: (False, 0),
    5: (True, None),
    6: (True, 1),
    7: (True, -1),
    8: (True, 0),
}
# Samples a pixel by colour subsampling.
_JPEG_SAMPLES = {"Gray": 1.0, "420": 1.5, "411": 1.5, "422": 2.0, "440": 2.0}
_TILE_WIDTH, _TILE_LENGTH, _BITS, _EXTRA_SAMPLES = 322, 323, 258, 338
# Largest value of a picture with 8, 10, 12, 14 or 16 bits; of floats.
_WHOLE_RANGES = (255, 1023, 4095, 16383, 65535)
_FLOAT_RANGES = (1, 255, 65535)
_STRIP_PIXELS = 1 << 20
# The byte of a PNG that says how many bits a channel has.
_PNG_DEPTH = 24


def decode_rgb(data: bytes, name: str) -> Image:
    """The picture in an image file's bytes, upright, as (H, W, 3) uint8 RGB.

    Turns by EXIF; takes the first frame of an animation; accepts grey, palette,
    alpha (laid on black; of grey TIFFs ignored), CMYK, 16 bits a channel and floats.
    A BMP or plain TIFF whose end became zeros is read: nothing in it tells.

    Args:
        name: used in messages.

    Raises:
        UnreadableImage: empty, no image of FORMATS, damaged, or one that takes more
            than MAX_MEMORY_BYTES.
    """
    if not data:
        raise UnreadableImage(f"{name}: the file is empty. Expected a photograph.")
    try:
        with opened(data) as picture:
            _check_memory(picture, data, name)
            if isinstance(picture, TiffImagePlugin.TiffImageFile):
                return _tiff_pixels(data, picture, name)
            if isinstance(picture, JpegImagePlugin.JpegImageFile):
                pixels = _jpeg_pixels(data, picture)
            else:
                pixels = _other_pixels(data, picture, name)
            orientation = picture.getexif().get(_ORIENTATION, 1)
        # Leaving `with` keeps Pillow's own copy of the pixels.
        picture.close()
        return _turned(pixels, orientation)
    except UnreadableImage:
        raise
    # Pillow looks at the size before anybody else can.
    except Pillow.DecompressionBombError as error:
        raise UnreadableImage(
            f"{name}: too large, expected at most "
            f"{MAX_MEMORY_BYTES / 1e9:.1f} GB to decode. Shrink it first."
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"{name}: not an image that can be decoded. Expected JPEG, PNG, BMP, "
            "WebP or TIFF."
        ) from error
    # Decoders raise many types on damaged data (OSError, SyntaxError, ValueError,
    # struct.error ...); each means the same to the user.
    except Exception as error:
        raise UnreadableImage(
            f"{name}: the image is damaged ({error}). Copy or download it again."
        ) from error


def opened(data: bytes) -> Pillow.Image:
    """The header of an image file of one of FORMATS; no pixel is decoded."""
    return Pillow.open(io.BytesIO(data), formats=FORMATS)


def _check_memory(picture: Pillow.Image, data: bytes, name: str) -> None:
    width, height = picture.size
    needed = len(data) + _decoding_bytes(picture, data)
    if needed > MAX_MEMORY_BYTES:
        raise UnreadableImage(
            f"{name}: too large, {width:,} x {height:,} pixels of this kind take "
            f"{needed / 1e9:.1f} GB to decode, expected at most "
            f"{MAX_MEMORY_BYTES / 1e9:.1f} GB. Shrink it first."
        )


def _decoding_bytes(picture: Pillow.Image, data: bytes) -> float:
    """Upper bound of the memory that decoding takes, as measured for each kind."""
    area = picture.width * picture.height
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        # By the decoder itself: Pillow may count another frame of the file.
        height, width, colours, sampling = simplejpeg.decode_jpeg_header(data)
        channels = 4 if colours in ("CMYK", "YCCK") else 3
        # Progressive files are held as 16-bit coefficients until they are whole.
        samples = _JPEG_SAMPLES.get(sampling, channels)
        return int(height) * int(width) * (2 * samples + channels)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        tags = picture.tag_v2
        # A tile is decoded whole, however little of it is in the picture.
        tile = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0)
        depth = sum(tags.get(_BITS, (1,))) / 8
        # The picture, a strip as it was stored, and one as RGBA.
        return float(max(area, tile) * (2 * depth + 6))
    # WebP: an animation's canvas, the frame before it, and copies of both.
    return float(area * (19 if picture.format == "WEBP" else 9))


def _jpeg_pixels(data: bytes, picture: Pillow.Image) -> Image:
    # Strict: a warning of the decoder means that it made up pixels.
    if picture.mode != "CMYK":
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", strict=True))
    # Photoshop's way, which all follow: 255 is no ink, so this is light by light.
    return _on_black(np.asarray(simplejpeg.decode_jpeg(data, "CMYK", strict=True)))


def _tiff_pixels(
    data: bytes, picture: TiffImagePlugin.TiffImageFile, name: str
) -> Image:
    """OpenCV turns the picture by its orientation, and 8 bits it lays on black."""
    check_tiff(data, picture)
    # For the whole process, as libtiff itself has it; the answer is None on damage.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise UnreadableImage(
            f"{name}: a TIFF that is damaged, or of a kind that is not read. Save it "
            "as PNG."
        )
    if values.ndim == 2:
        return _grey(_eight_bits(values, name))
    alpha = values[:, :, 3:]
    colours = _eight_bits(values[:, :, :3], name)
    pixels = np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2RGB), np.uint8)
    # 2: colours are stored as if there were no alpha.
    if values.dtype == np.uint8 or picture.tag_v2.get(_EXTRA_SAMPLES) != (2,):
        return pixels
    return _on_black(np.dstack([pixels, _eight_bits(alpha, name)]))


def _other_pixels(data: bytes, picture: Pillow.Image, name: str) -> Image:
    if picture.format == "PNG":
        # Decoding alone skips the checksums.
        with opened(data) as checked:
            checked.verify()
        check_png(data)
    elif picture.format == "WEBP":
        check_webp(data)
    else:
        check_bmp(data)
    picture.load()
    if picture.mode.startswith("I"):
        return _grey(_eight_bits(np.asarray(picture), name))
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        pixels[top : top + rows] = _rgb(strip)
    if data[_PNG_DEPTH] == 16 and picture.format == "PNG" and pixels.max() < 64:
        raise UnreadableImage(
            f"{name}: uses only the lower of its 16 bits a channel, the upper 2 are "
            "empty. Save it with 8 bits."
        )
    return pixels


def _rgb(strip: Pillow.Image) -> Image:
    if not strip.has_transparency_data:
        return np.asarray(strip.convert("RGB"))
    return _on_black(np.asarray(strip.convert("RGBA")))


def _grey(values: Image) -> Image:
    return np.asarray(cv2.cvtColor(values, cv2.COLOR_GRAY2RGB))


def _on_black(pixels: Image) -> Image:
    """(H, W, 4) to (H, W, 3): each channel times the last one."""
    ground = np.empty((*pixels.shape[:2], 3), np.uint8)
    for channel in range(3):
        ground[:, :, channel] = cv2.multiply(
            pixels[:, :, channel], pixels[:, :, 3], scale=1 / 255
        )
    return ground


def _eight_bits(values: NDArray[Any], name: str) -> Image:
    """Brightness by the smallest usual range that holds the largest value.

    Raises:
        UnreadableImage: a value is negative, no number, or over 65535.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    ranges = _FLOAT_RANGES if values.dtype.kind == "f" else _WHOLE_RANGES
    low, high = values.min(), values.max()
    # NaN is in no range.
    white = next((largest for largest in ranges if 0 <= low <= high <= largest), None)
    if white is None:
        raise UnreadableImage(
            f"{name}: its values go from {low:g} to {high:g}, expected brightness from "
            f"0 to {', '.join(map(str, ranges[:-1]))} or {ranges[-1]}. Save it as PNG."
        )
    return np.asarray(cv2.convertScaleAbs(values, alpha=255 / white))


def _turned(pixels: Image, orientation: int) -> Image:
    """The picture as EXIF says that it was held."""
    transposed, mirrored = _TURNS.get(orientation, (False, None))
    if transposed:
        pixels = np.asarray(cv2.transpose(pixels))
    if mirrored is not None:
        pixels = np.asarray(cv2.flip(pixels, mirrored, pixels))
    return pixels


# The largest pictures that can be decoded are smaller.
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


def photo_list(paths: Sequence[Path]) -> list[Path]:
    """The photographs meant by files and folders; folders are searched at any depth.

    Raises:
        MissingInput: nothing given, or a folder without an image.
    """
    if not paths:
        raise MissingInput("no photograph was given. Give files or folders of images.")
    return [
        photo
        for path in paths
        for photo in (list_images(path) if path.is_dir() else [path])
    ]


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
    if path.parent.parent.suffix == REC_SUFFIX and path.parent.parent.is_file():
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
