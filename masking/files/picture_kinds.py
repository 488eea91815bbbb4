"""Which files are pictures, by name or by their first bytes, and which are read."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".bmp", ".webp", ".tif", ".tiff"]
)
# Pictures that are not read: they are named, not passed over. Raw files are TIFFs
# whose first picture is a small preview.
OTHER_SUFFIXES = frozenset(
    (".gif", ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".psd")
) | frozenset((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"))
_HEAD_BYTES = 16
_BEGINNINGS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF, small end first
    b"MM\0*",
    b"8BPS",  # Photoshop
    b"\0\0\0\x0cjP  ",  # JPEG 2000
    b"\0\0\0\x0cJXL ",
    b"\xff\x0a",  # JPEG XL without a container
)
# What follows a length and "ftyp" in HEIF's family; videos have other brands.
_BRANDS = frozenset([b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"])


def looks_like_picture(path: Path) -> bool:
    """Whether a file has a picture's suffix or begins as a picture does."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or suffix in OTHER_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    if head.startswith(_BEGINNINGS):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    # Two letters are few: the reserved bytes of a BMP are zero.
    if head[:2] == b"BM":
        return head[6:10] == b"\0\0\0\0"
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS
