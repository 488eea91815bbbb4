"""Whole pictures of many kinds, each with the pixels that it shows."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Pixels = NDArray[np.uint8]
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _OFFSET = 256, 257, 258, 259, 262, 273
_SAMPLES, _ROWS, _COUNT, _FORMAT = 277, 278, 279, 339
_SHORT, _LONG = 3, 4


@dataclass(frozen=True, eq=False)
class BasePicture:
    """A whole picture.

    Attributes:
        kind: format and mode, as in "png 16-bit".
        suffix: that its file should have.
        pixels: (H, W, 3) uint8 RGB that a viewer shows.
    """

    kind: str
    suffix: str
    data: bytes
    pixels: Pixels

    @property
    def format(self) -> str:
        """The first word of its kind."""
        return self.kind.split()[0]


def base_pictures(photo: Path) -> list[BasePicture]:
    """Pictures of all kinds that show a photograph."""
    with Pillow.open(photo) as opened:
        picture = opened.convert("RGB")
    made = [*_common(picture), *_other_formats(picture)]
    made += [*_deep_pngs(picture), *_deep_tiffs(picture)]
    return made


def _common(picture: Pillow.Image) -> Iterator[BasePicture]:
    """The five formats in the modes that Pillow writes."""
    grey, palette = picture.convert("L"), picture.quantize(64)
    cmyk, alpha = picture.convert("CMYK"), picture.convert("RGBA")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    turned = picture.transpose(Pillow.Transpose.ROTATE_90)
    yield _saved("jpeg", picture, "JPEG", quality=90)
    yield _saved("jpeg progressive", picture, "JPEG", quality=90, progressive=True)
    yield _saved("jpeg grey", grey, "JPEG", quality=90)
    yield _saved("jpeg cmyk", cmyk, "JPEG", quality=90)
    data = _bytes(turned, "JPEG", quality=90, exif=exif.tobytes())
    with Pillow.open(io.BytesIO(data)) as opened:
        upright = opened.transpose(Pillow.Transpose.ROTATE_270)
    yield BasePicture("jpeg exif", ".jpg", data, np.asarray(upright))
    yield _saved("png", picture, "PNG")
    yield _saved("png grey", grey, "PNG")
    yield _saved("png palette", palette, "PNG")
    yield _saved("png alpha", alpha, "PNG")
    yield _saved("bmp", picture, "BMP")
    yield _saved("bmp palette", palette, "BMP")
    yield _saved("webp", picture, "WEBP", quality=90)
    yield _saved("webp lossless", picture, "WEBP", lossless=True)
    yield _saved("webp video", picture, "WEBP", save_all=True, append_images=[turned])
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield _saved(f"tiff {packing}", picture, "TIFF", compression=packing)
    yield _saved("tiff palette", palette, "TIFF")
    yield _saved("tiff cmyk", cmyk, "TIFF")
    yield _saved("tiff bits", grey.convert("1"), "TIFF")
    yield _saved("tiff pages", picture, "TIFF", save_all=True, append_images=[turned])


def _other_formats(picture: Pillow.Image) -> Iterator[BasePicture]:
    """What nobody promised to read: refused or right."""
    for name in ("GIF", "PPM", "TGA", "PCX", "JPEG2000", "ICO", "DDS", "SGI"):
        found = _saved(f"other {name}", picture, name)
        yield BasePicture(found.kind, ".jpg", found.data, found.pixels)
    postscript = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 250 250\n%%EndComments\n"
        b"250 250 scale 0.5 setgray 0 0 1 1 rectfill showpage\n%%EOF\n"
    )
    yield BasePicture("other PostScript", ".jpg", postscript, np.asarray(picture))


def _deep_pngs(picture: Pillow.Image) -> Iterator[BasePicture]:
    """16 bits a channel: values of 8 bits times 257."""
    pixels = np.asarray(picture)
    grey = np.asarray(picture.convert("L"))
    rows = (pixels.astype(">u2") * 257).tobytes()
    yield BasePicture("png 16-bit", ".png", png(rows, *_size(pixels), 16, 2), pixels)
    rows = (grey.astype(">u2") * 257).tobytes()
    data = png(rows, *_size(pixels), 16, 0)
    yield BasePicture("png 16-bit grey", ".png", data, np.dstack([grey] * 3))


def _deep_tiffs(picture: Pillow.Image) -> Iterator[BasePicture]:
    """10, 12 and 16 bits, floats from 0 to 1 and to 255."""
    pixels = np.asarray(picture)
    grey = np.asarray(picture.convert("L"))
    shown = np.dstack([grey] * 3)
    for bits in (10, 12, 16, 32):
        values = grey.astype(np.float64) / 255 * (2**bits - 1)
        rows = _packed(np.rint(values).astype(np.uint64), bits)
        yield BasePicture(f"tiff {bits}-bit", ".tif", tiff(rows, grey, bits, 1), shown)
    rows = (pixels.astype("<u2") * 257).tobytes()
    yield BasePicture("tiff 16-bit rgb", ".tif", tiff(rows, pixels, 16, 1), pixels)
    for most in (1, 255):
        rows = (grey.astype("<f4") / 255 * most).tobytes()
        data = tiff(rows, grey, 32, 3)
        yield BasePicture(f"tiff float to {most}", ".tif", data, shown)


def _packed(values: NDArray[np.uint64], bits: int) -> bytes:
    """Rows of numbers as TIFF packs them: whole bytes little-endian, bits in order."""
    if bits in (16, 32):
        return values.astype(f"<u{bits // 8}").tobytes()
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    every = (values[:, :, None] >> shifts & np.uint64(1)).astype(np.uint8)
    return np.packbits(every.reshape(len(values), -1), axis=1).tobytes()


def png(rows: bytes, width: int, height: int, depth: int, colours: int) -> bytes:
    """A PNG of raw rows, by the standard (W3C PNG, section 11)."""
    step = len(rows) // height
    lines = b"".join(b"\0" + rows[i * step : (i + 1) * step] for i in range(height))
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG with its checksum."""
    checked = name + content
    return (
        struct.pack(">I", len(content))
        + checked
        + struct.pack(">I", zlib.crc32(checked))
    )


def tiff(rows: bytes, pixels: NDArray[np.generic], bits: int, number: int) -> bytes:
    """A TIFF of one strip of raw rows (TIFF 6.0, section 3).

    Args:
        pixels: an array of its height, width and channels.
        number: kind of number: 1 unsigned, 3 floating.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    entries = [
        (_WIDTH, _LONG, width),
        (_HEIGHT, _LONG, height),
        (_BITS, _SHORT, bits),
        (_COMPRESSION, _SHORT, 1),
        (_COLOURS, _SHORT, 2 if channels == 3 else 1),
        (_OFFSET, _LONG, 0),
        (_SAMPLES, _SHORT, channels),
        (_ROWS, _LONG, height),
        (_COUNT, _LONG, len(rows)),
        (_FORMAT, _SHORT, number),
    ]
    behind = 8 + 2 + 12 * len(entries) + 4
    # Three numbers do not fit into an entry: it says where they stand.
    triples = struct.pack("<3H", bits, bits, bits) + struct.pack("<3H", *[number] * 3)
    directory = b""
    for tag, kind, value in entries:
        count, place = 1, value
        if tag == _OFFSET:
            place = behind + len(triples)
        if channels == 3 and tag in (_BITS, _FORMAT):
            count, place, kind = 3, behind + (6 if tag == _FORMAT else 0), _SHORT
        directory += struct.pack("<HHII", tag, kind, count, place)
    start = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return start + directory + bytes(4) + triples + rows


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _saved(
    kind: str, picture: Pillow.Image, name: str, **options: object
) -> BasePicture:
    data = _bytes(picture, name, **options)
    with Pillow.open(io.BytesIO(data)) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    suffix = {"JPEG": ".jpg", "TIFF": ".tif"}.get(name, f".{name.lower()}")
    return BasePicture(kind, suffix, data, pixels)


def _bytes(picture: Pillow.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    # A copy: saving leaves settings of one format in a picture.
    picture.copy().save(buffer, name, **options)
    return buffer.getvalue()
