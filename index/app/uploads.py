"""Files that were sent to the local page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from index.identification.sources import HEAD_BYTES, begins_as_video
from masking.datasets.images import refuse_other_kinds


@dataclass(frozen=True)
class Upload:
    """One file, under the name that it has where it came from.

    Attributes:
        name: without folders; never that of a file on this machine.
        data: the file's bytes.
    """

    name: str
    data: bytes = field(repr=False)

    @property
    def is_video(self) -> bool:
        """Whether it begins as a video does."""
        return begins_as_video(self.data[:HEAD_BYTES])

    def photo_bytes(self) -> bytes:
        """The bytes of a photograph.

        Raises:
            UnreadableImage: it is named as a kind of picture that is not read.
        """
        refuse_other_kinds(Path(self.name))
        return self.data


def named_apart(files: Iterable[tuple[str, bytes]]) -> list[Upload]:
    """Files with their names; of two with one name the second is "NAME (2)".

    Phones call every photo "image.jpg", and answers tell photos apart by name.
    """
    found: dict[str, Upload] = {}
    for given, data in files:
        plain = Path(re.split(r"[/\\]", given)[-1] or "photo")
        name, number = str(plain), 1
        while name in found:
            number += 1
            name = f"{plain.stem} ({number}){plain.suffix}"
        found[name] = Upload(name, data)
    return [*found.values()]
