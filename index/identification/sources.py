"""Where probes come from: photographs, folders of them, and standard input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from index.enrollment.sources import photo_list
from masking.datasets.images import MAX_BYTES, read_bytes
from masking.errors import InvalidConfig, UnreadableImage

# As programs of a shell understand it.
STANDARD_INPUT = Path("-")


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
