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
    given = [path for path in paths if path == STANDARD_INPUT]
    if len(given) > 1:
        raise InvalidConfig(
            "- (standard input) is given twice; it holds one picture. Give it once."
        )
    return photo_list(paths)


def shown_name(photo: Path) -> Path:
    """What a photograph is called in answers and on cards."""
    return Path("standard-input") if photo == STANDARD_INPUT else photo


def probe_bytes(photo: Path, standard_input: BinaryIO) -> bytes:
    """The bytes of one photograph of `probe_photos`.

    Raises:
        UnreadableImage: missing, not readable or too large.
    """
    if photo != STANDARD_INPUT:
        return read_bytes(photo)
    data = standard_input.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnreadableImage(
            f"standard input: more than {MAX_BYTES:,} bytes. Expected one photograph."
        )
    return data
