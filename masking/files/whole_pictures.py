"""Whether a file holds as many bytes of pixels as its header says.

Decoders do not ask. Pillow leaves the missing rows of a PNG black, and OpenCV reads
beyond the end of a TIFF's strip and passes over errors of libtiff, which itself never
comes to the checksum behind packed pixels and makes up those of damaged JPEGs.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import simplejpeg
from PIL import Image as Pillow
from PIL import TiffImagePlugin

# First column and row, and steps, of the passes of an interlaced PNG.
# Source: W3C, Portable Network Graphics (Second Edition), section 8.2.
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS = 256, 257, 258, 259, 262
_SAMPLES, _PLANES = 277, 284
_STRIPS, _STRIP_ROWS, _STRIP_SIZES = 273, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_SIZES = 322, 323, 324, 325
_JPEG_TABLES = 347
_PLAIN, _JPEG, _DEFLATED = 1, 7, (8, 32946)
# Colours may be stored for several pixels at once.
_YCBCR = 6
# More than encoders add to the last codes of a WebP: 3 bytes, as measured.
_WEBP_PADDING = 16
# Unpacked and packed.
_STEP_BYTES, _PACKED_STEP = 1 << 20, 1 << 16


def check_png(data: bytes) -> None:
    """Raise ValueError or zlib.error where rows of a PNG are missing.

    Args:
        data: of a PNG whose chunks are whole.
    """
    expected, found = _png_bytes(data[16:29]), 0
    unpacker = zlib.decompressobj()
    for packed in _png_pixels(data):
        for size in _unpacked(unpacker, packed):
            found += size
            if found >= expected:
                return
    raise ValueError(f"{found:,} of {expected:,} bytes of pixels are there")


def _png_bytes(head: bytes) -> int:
    """Bytes that the pixels of a PNG unpack to, by the content of its header chunk."""
    width, height = (int.from_bytes(head[i : i + 4], "big") for i in (0, 4))
    depth, colours, interlaced = head[8], head[9], head[12]
    bits = depth * _PNG_CHANNELS[colours]
    total = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        # A byte before each row says how it is filtered.
        total += rows * (1 + -(-columns * bits // 8)) if min(columns, rows) > 0 else 0
    return total


def _png_pixels(data: bytes) -> Iterator[memoryview]:
    """The contents of the chunks that hold pixels."""
    place, whole = 8, memoryview(data)
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"IDAT":
            yield whole[place + 8 : place + 8 + size]
        place += 12 + size


def check_bmp(data: bytes) -> None:
    """Raise ValueError where a BMP is of another size than it says; many say 0."""
    said = int.from_bytes(data[2:6], "little")
    if said not in (0, len(data)):
        raise ValueError(f"{len(data):,} of {said:,} bytes are there")


def check_webp(data: bytes) -> None:
    """Raise ValueError where the codes of a WebP's first picture end too early.

    Damaged codes are almost never as long as the right ones. Too long, they are an
    error to decoders; too short, they are whole without the last bytes.
    """
    name, codes = _webp_codes(data)
    codes = codes[:-_WEBP_PADDING]
    codes += bytes(len(codes) % 2)
    chunk = b"WEBP" + name + len(codes).to_bytes(4, "little") + codes
    alone = b"RIFF" + len(chunk).to_bytes(4, "little") + chunk
    try:
        with Pillow.open(io.BytesIO(alone), formats=["WEBP"]) as picture:
            picture.load()
    # By what is missing: of the header, of the codes, of all.
    except (OSError, EOFError, ValueError):
        return
    raise ValueError("its codes of pixels end too early")


def _webp_codes(data: bytes) -> tuple[bytes, bytes]:
    """Name and content of the chunk that holds the codes of the first picture.

    Source: RFC 9649, "WebP Image Format", section 2.
    """
    place = 12
    while place < len(data):
        name = data[place : place + 4]
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        content = place + 8
        if name in (b"VP8 ", b"VP8L"):
            return name, data[content : content + size]
        # A frame of an animation: place, size and duration, then chunks.
        place = content + (16 if name == b"ANMF" else size + size % 2)
    raise ValueError("no codes of pixels are there")


def check_tiff(data: bytes, picture: TiffImagePlugin.TiffImageFile) -> None:
    """Raise an error where pixels of a TIFF's first page are missing or damaged.

    Args:
        picture: the header of `data`.

    Raises:
        ValueError, zlib.error, OSError: they are.
    """
    # Counting reads the headers of all pages, of which none may be damaged.
    _ = picture.n_frames
    tags = picture.tag_v2
    packing = tags.get(_COMPRESSION, _PLAIN)
    counted = packing in (_PLAIN, *_DEFLATED) and tags.get(_COLOURS) != _YCBCR
    if not counted:
        _check_codes(data)
        if packing != _JPEG:
            return
    tiled = _TILES in tags
    starts = tags[_TILES if tiled else _STRIPS]
    # Writers of old leave out the size of a single plain strip.
    sizes = tags.get(_TILE_SIZES if tiled else _STRIP_SIZES) or [len(data)]
    parts = list(_tiff_parts(picture))
    if min(len(starts), len(sizes)) < len(parts):
        raise ValueError(f"{len(starts)} of {len(parts)} parts are there")
    whole = memoryview(data)
    for start, size, part in zip(starts, sizes, parts, strict=False):
        stored = whole[start : start + size]
        if packing == _JPEG:
            _check_jpeg(tags.get(_JPEG_TABLES, b""), stored, part)
            continue
        expected = part.rows * -(-part.columns * part.bits // 8)
        found = len(stored) if packing == _PLAIN else _inflated(stored, expected)
        if found < expected:
            raise ValueError(f"{found:,} of {expected:,} bytes of a part are there")


def _check_codes(data: bytes) -> None:
    """Raise OSError where libtiff finds an error in packed pixels.

    Pillow stops at errors, which OpenCV passes over, but has libtiff print them.
    """
    with _quiet(), Pillow.open(io.BytesIO(data), formats=["TIFF"]) as picture:
        picture.load()


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that libraries in C print reaches the terminal; one thread at a time."""
    with _one_by_one:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


_one_by_one = Lock()


@dataclass(frozen=True)
class _Part:
    """A strip or tile of a TIFF; `bits` are those of a pixel."""

    rows: int
    columns: int
    bits: int


def _tiff_parts(picture: TiffImagePlugin.TiffImageFile) -> Iterator[_Part]:
    """All strips or tiles, as they are stored."""
    tags = picture.tag_v2
    # As it is stored: Pillow's size is that of the picture turned upright.
    width, height = tags[_WIDTH], tags[_HEIGHT]
    planes = tags.get(_SAMPLES, 1) if tags.get(_PLANES, 1) == 2 else 1
    bits = sum(tags.get(_BITS, (1,))) // planes
    for _ in range(planes):
        if _TILES in tags:
            across, down = tags[_TILE_WIDTH], tags[_TILE_LENGTH]
            count = -(-width // across) * -(-height // down)
            yield from [_Part(down, across, bits)] * count
        else:
            rows = min(tags.get(_STRIP_ROWS, height), height)
            for top in range(0, height, rows):
                yield _Part(min(rows, height - top), width, bits)


def _check_jpeg(tables: bytes, stored: memoryview, part: _Part) -> None:
    """Raise ValueError where a JPEG is damaged, or of another size than its part.

    Args:
        tables: a JPEG of what all parts share; without its end, it begins each.
    """
    whole = bytes(tables[:-2]) + bytes(stored[2:] if tables else stored)
    height, width, colours, _ = simplejpeg.decode_jpeg_header(whole)
    if (height, width) != (part.rows, part.columns):
        raise ValueError(f"a part of {part.columns} x {part.rows} pixels holds others")
    inks = "CMYK" if colours in ("CMYK", "YCCK") else "RGB"
    # Strict: a warning of the decoder means that it made up pixels.
    simplejpeg.decode_jpeg(whole, inks, strict=True)


def _inflated(packed: memoryview, expected: int) -> int:
    """How many bytes are there; up to the checksum, where little follows them."""
    found, unpacker = 0, zlib.decompressobj()
    for size in _unpacked(unpacker, packed):
        found += size
        if found > expected + _STEP_BYTES:
            break
    if found >= expected or unpacker.eof:
        return found
    raise ValueError("packed pixels end too early")


def _unpacked(unpacker: zlib._Decompress, packed: memoryview) -> Iterator[int]:
    """Sizes of what packed bytes unpack to, piece by piece in little memory."""
    for start in range(0, len(packed), _PACKED_STEP):
        piece: bytes | memoryview = packed[start : start + _PACKED_STEP]
        full = True
        # A full piece may leave more inside, when all bytes were taken.
        while (piece or full) and not unpacker.eof:
            size = len(unpacker.decompress(piece, _STEP_BYTES))
            full, piece = size == _STEP_BYTES, unpacker.unconsumed_tail
            yield size
