"""Ways to damage pictures: headers, ends, mixtures, and bombs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image as Pillow

from benchmarks.faults.files import byte_damage
from benchmarks.faults.pictures.base_pictures import BasePicture, png_chunk

# Many times what is read, just below and above, narrow ones, some more, and none.
SIZES = (
    *((65_000, 65_000), (30_000, 30_000), (13_300, 13_300), (13_400, 13_400)),
    *((65_500, 2_700), (16_000, 1_000), (250, 400), (400, 250)),
    (0, 250),
)
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def damaged(
    base: BasePicture, others: Sequence[BasePicture], rng: np.random.Generator
) -> tuple[str, str, bytes]:
    """What was done, the suffix of the file, and its bytes."""
    names = list(_WAYS)
    if base.format == "jpeg":
        names += ["cut and closed", "cut and closed"]
    if base.format in _HEADERS:
        names += ["size"]
    name = names[rng.integers(len(names))]
    data = base.data
    if name == "size":
        data = resized(base, SIZES[rng.integers(len(SIZES))])
    elif name == "cut and closed":
        data = byte_damage.cut(data, rng) + b"\xff\xd9"
    elif name == "splice":
        same = [other for other in others if other.format == base.format]
        data = _spliced(data, same[rng.integers(len(same))].data, rng)
    elif name != "wrong suffix":
        data = byte_damage.BYTES[name](data, rng)
    wrong = name == "wrong suffix" or rng.random() < 0.05
    return name, str(rng.choice(_SUFFIXES)) if wrong else base.suffix, data


_WAYS = (
    *("flip", "flip", "flip", "flip head", "flip head", "cut", "cut", "zero tail"),
    *("zero tail", "zero block", "append", "splice", "splice", "wrong suffix"),
)


def _spliced(first: bytes, second: bytes, rng: np.random.Generator) -> bytes:
    """The beginning of one picture and the end of another."""
    fraction = rng.random()
    return first[: int(fraction * len(first))] + second[int(fraction * len(second)) :]


def resized(base: BasePicture, size: tuple[int, int]) -> bytes:
    """The picture with another width and height in its header."""
    return _HEADERS[base.format](base.data, *size)


def _jpeg(data: bytes, width: int, height: int) -> bytes:
    place = 2
    # Segments follow one another up to the frame header, SOF0 to SOF2.
    while data[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return _put(data, place + 5, struct.pack(">HH", height & 0xFFFF, width & 0xFFFF))


def _png(data: bytes, width: int, height: int) -> bytes:
    head = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + png_chunk(b"IHDR", head) + data[33:]


def _bmp(data: bytes, width: int, height: int) -> bytes:
    return _put(data, 18, struct.pack("<ii", width, height))


def _webp(data: bytes, width: int, height: int) -> bytes:
    if data[12:16] == b"VP8X":
        size = (max(width, 1) - 1 & 0xFFFFFF) | (max(height, 1) - 1 & 0xFFFFFF) << 24
        return _put(data, 24, size.to_bytes(6, "little"))
    if data[12:16] == b"VP8L":
        bits = (max(width, 1) - 1 & 0x3FFF) | (max(height, 1) - 1 & 0x3FFF) << 14
        return _put(data, 21, struct.pack("<I", bits))
    return _put(data, 26, struct.pack("<HH", width & 0x3FFF, height & 0x3FFF))


def _tiff(data: bytes, width: int, height: int) -> bytes:
    start = int.from_bytes(data[4:8], "little")
    for entry in range(int.from_bytes(data[start : start + 2], "little")):
        place = start + 2 + 12 * entry
        tag = int.from_bytes(data[place : place + 2], "little")
        if tag in (256, 257):
            value = struct.pack("<HII", 4, 1, width if tag == 256 else height)
            data = _put(data, place + 2, value)
    return data


def _put(data: bytes, place: int, part: bytes) -> bytes:
    return data[:place] + part + data[place + len(part) :]


_HEADERS: dict[str, Callable[[bytes, int, int], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "bmp": _bmp,
    "webp": _webp,
    "tiff": _tiff,
}


def bombs() -> Iterator[tuple[str, str, bytes]]:
    """Small files of huge pictures: what it is, suffix, bytes.

    Up to 178 megapixels are read, in less memory than the limit or not at all.
    """
    for side in (13_300, 20_000, 60_000):
        for depth, colours, bits in ((1, 3, 1), (8, 2, 24), (16, 2, 48), (16, 6, 64)):
            name = f"png {side} px, {bits} bits"
            yield name, ".png", _png_bomb(side, depth, colours, bits)
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            buffer = io.BytesIO()
            picture = Pillow.new(mode, (13_300, 13_300))
            picture.save(buffer, "JPEG", quality=20, progressive=progressive)
            name = f"jpeg 13300 px, {mode}{', progressive' * progressive}"
            yield name, ".jpg", buffer.getvalue()
    for mode in ("1", "RGB", "CMYK", "F", "I;16"):
        buffer = io.BytesIO()
        Pillow.new(mode, (13_300, 13_300)).save(buffer, "TIFF", compression="tiff_lzw")
        yield f"tiff 13300 px, {mode}", ".tif", buffer.getvalue()
    buffer = io.BytesIO()
    Pillow.new("RGB", (13_300, 13_300)).save(buffer, "WEBP", quality=1, method=0)
    yield "webp 13300 px", ".webp", buffer.getvalue()
    yield "png text", ".png", _text_bomb()


def _png_bomb(side: int, depth: int, colours: int, bits: int) -> bytes:
    """Zeros: a few hundred kilobytes for any size."""
    packer = zlib.compressobj(6)
    line = bytes(1 + -(-side * bits // 8))
    # Of what is too large nobody should read more than the header.
    count = side if side < 14_000 else 100
    rows = b"".join(packer.compress(line) for _ in range(count)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, depth, colours, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    if colours == 3:
        parts.insert(1, (b"PLTE", bytes(6)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def _text_bomb() -> bytes:
    """A tiny picture with 50 texts of 60 MB each, packed."""
    text = b"Comment\0\0" + zlib.compress(bytes(60_000_000), 9)
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(8 * 25))
    parts = [(b"IHDR", head), *[(b"zTXt", text)] * 50, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)
