"""Where probes come from: photographs, videos, folders, and standard input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from masking.datasets.images import MAX_BYTES, photo_list, read_bytes
from masking.errors import InvalidConfig, UnreadableImage

# As programs of a shell understand it.
STANDARD_INPUT = Path("-")
# Of files in the format of MP4 that hold pictures.
_PICTURE_BRANDS = frozenset(
    [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"hevc"]
)
HEAD_BYTES = 16
_VIDEO_STARTS = (
    *(b"\x1aE\xdf\xa3", b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"),
    *(b"OggS", b"0&\xb2u\x8ef\xcf\x11"),
)


def probe_photos(paths: Sequence[Path]) -> list[Path]:
    """The photographs meant by files, folders and "-"; folders at any depth.

    Raises:
        MissingInput: nothing given, or a folder without an image.
        InvalidConfig: "-" twice: there is one standard input.
    """
    refuse_twice(paths)
    return photo_list(paths)


def refuse_twice(paths: Sequence[Path]) -> None:
    """Standard input can be read once.

    Raises:
        InvalidConfig: it is given twice.
    """
    if list(paths).count(STANDARD_INPUT) > 1:
        raise InvalidConfig(
            "- (standard input) is given twice; it holds one picture or video. Give it "
            "once."
        )


def is_video(path: Path) -> bool:
    """Whether a file begins as a video does, whatever its name is.

    MP4 and MOV, AVI, MKV and WebM, FLV, MPEG, Ogg, WMV. HEIC and AVIF pictures begin
    as MP4 does and are none.
    """
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return begins_as_video(file.read(HEAD_BYTES))
    except OSError:
        # Whoever reads it says why it cannot be read.
        return False


def begins_as_video(head: bytes) -> bool:
    """Whether these first HEAD_BYTES are those of a video, see `is_video`."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in _PICTURE_BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    return head.startswith(_VIDEO_STARTS) or head[4:8] in (b"moov", b"mdat", b"wide")


def shown_name(photo: Path) -> Path:
    """What a photograph is called in answers and on cards."""
    return Path("standard-input") if photo == STANDARD_INPUT else photo


def probe_bytes(photo: Path, standard_input: BinaryIO, head: bytes = b"") -> bytes:
    """The bytes of one photograph of `probe_photos`.

    Args:
        head: what was read of standard input already.

    Raises:
        UnreadableImage: missing, not readable or too large.
    """
    if photo != STANDARD_INPUT:
        return read_bytes(photo)
    data = head + standard_input.read(MAX_BYTES + 1 - len(head))
    if len(data) > MAX_BYTES:
        raise UnreadableImage(
            f"standard input: more than {MAX_BYTES:,} bytes. Expected one photograph."
        )
    return data
