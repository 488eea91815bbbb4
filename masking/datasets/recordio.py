"""InsightFace's packed collections: train.rec and train.idx, without mxnet.

A .rec file is a row of records. A record is one or more cells: magic, a word with the
kind of cell (upper 3 bits) and its length, the data, and zeros up to a multiple of 4.
An image's data is a header (flag, label, id, id2), `flag` further labels, and a JPEG.
The .idx file says at which byte the record of each number begins. In InsightFace's
files record 0 says which numbers are images (from 1 to its first label, exclusive); the
records after them say which numbers belong to whom and hold no image.

Source: dmlc/recordio.h, mxnet/recordio.py (formats); insightface's dataset.py
(record 0).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord, MissingInput, UnreadableImage

SUFFIX = ".rec"
_MAGIC = 0xCED7230A
_CELL = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")
# Kinds of cell: the whole record, or its first, a middle, its last part. Where data
# holds the magic itself, the record was cut there and the magic left out.
_WHOLE, _FIRST, _LAST = 0, 1, 3
_MAX_BYTES = 1 << 29
# Of a header and one label behind it.
_HEAD_BYTES = _HEADER.size + 4


def record_photos(record_file: Path) -> Iterator[tuple[Path, str, str]]:
    """Path, identity and photo_id of each image, sorted by photo_id.

    The path is that of a file that would lie in the .rec file as in a folder; only
    `read_record_photo` can read it.

    Raises:
        MissingInput: the .idx file is not there, or there is no image.
        BadRecord: one of the two is damaged.
    """
    records = _opened(record_file)
    numbers = records.image_numbers()
    if not len(numbers):
        raise MissingInput(f"{record_file}: holds no image.")
    labels = records.people(numbers)
    for place in np.lexsort((numbers, labels)):
        identity = f"{labels[place]:08d}"
        photo_id = f"{identity}/{numbers[place]:010d}.jpg"
        yield record_file / photo_id, identity, photo_id


def read_record_photo(path: Path) -> bytes:
    """The bytes of an image file in a .rec file.

    Raises:
        UnreadableImage: the record is damaged or not there.
    """
    try:
        return _opened(path.parent.parent).image(int(path.stem))
    except OSError as error:
        reason = error.strerror or error
        raise UnreadableImage(f"{path}: cannot be read ({reason}).") from error
    except (BadRecord, MissingInput, ValueError) as error:
        raise UnreadableImage(f"{path}: cannot be read ({error}).") from error


class RecordFile:
    """Random access to the records of a .rec file."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            MissingInput: path.idx is not there.
            BadRecord: it is not two whole numbers a line.
        """
        self._path = path
        index = path.with_suffix(".idx")
        if not index.is_file():
            raise MissingInput(
                f"{index}: not there, expected beside {path.name}: it says where each "
                "image begins."
            )
        try:
            table = np.loadtxt(index, dtype=np.int64, ndmin=2)
            numbers, offsets = table.T
        except ValueError as error:
            raise BadRecord(
                f"{index}: damaged ({error}). Expected lines of a number and a byte "
                "offset. Download it again."
            ) from error
        order = np.argsort(numbers)
        self._numbers: NDArray[np.int64] = numbers[order]
        self._offsets: NDArray[np.int64] = offsets[order]

    def image_numbers(self) -> NDArray[np.int64]:
        """Ascending numbers of the records that are images."""
        if not len(self._numbers):
            return self._numbers
        first = int(self._numbers[0])
        flag, end, _ = self._parsed(first, self._whole(first))
        if flag == 0:
            return self._numbers
        return self._numbers[(self._numbers >= 1) & (self._numbers < int(end))]

    def people(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Whose faces the images of these numbers show; reads no picture."""
        with self._path.open("rb") as file:
            heads = (self._content(file, int(n), _HEAD_BYTES) for n in numbers)
            labels = [
                self._parsed(int(n), head)[1]
                for n, head in zip(numbers, heads, strict=True)
            ]
        return np.array(labels).astype(np.int64)

    def image(self, number: int) -> bytes:
        """The bytes of an image file."""
        flag, _, start = self._parsed(number, content := self._whole(number))
        if start > len(content):
            raise self._damaged(number, f"{flag} labels do not fit into it")
        return content[start:]

    def _whole(self, number: int) -> bytes:
        with self._path.open("rb") as file:
            return self._content(file, number)

    def _parsed(self, number: int, content: bytes) -> tuple[int, float, int]:
        """Flag, first label, and where the data begins."""
        if len(content) < _HEAD_BYTES:
            raise self._damaged(number, "its header is cut short")
        flag, label, _, _ = _HEADER.unpack_from(content)
        if flag:
            (label,) = struct.unpack_from("<f", content, _HEADER.size)
        return flag, label, _HEADER.size + 4 * flag

    def _content(self, file: BinaryIO, number: int, most: int = _MAX_BYTES) -> bytes:
        """The data of a record; no more of its first cell than `most` bytes."""
        place = int(np.searchsorted(self._numbers, number))
        if place == len(self._numbers) or self._numbers[place] != number:
            raise self._damaged(number, "the .idx file does not name it")
        file.seek(int(self._offsets[place]))
        parts: list[bytes] = []
        while True:
            kind, length = self._cell(file, number, first=not parts)
            data = file.read(min(length, most))
            if len(data) < min(length, most):
                raise self._damaged(number, "the file ends in it")
            parts.append(data)
            if length > most or kind in (_WHOLE, _LAST):
                return struct.pack("<I", _MAGIC).join(parts)
            file.read(-length % 4)

    def _cell(self, file: BinaryIO, number: int, first: bool) -> tuple[int, int]:
        """Kind and length of the cell that begins here."""
        head = file.read(_CELL.size)
        if len(head) < _CELL.size:
            raise self._damaged(number, "the file ends before it")
        magic, word = _CELL.unpack(head)
        if magic != _MAGIC:
            raise self._damaged(number, f"it begins with {magic:#010x}")
        kind = word >> 29
        if (kind in (_WHOLE, _FIRST)) != first:
            raise self._damaged(number, f"a cell of kind {kind} is misplaced")
        return kind, word & (_MAX_BYTES - 1)

    def _damaged(self, number: int, what: str) -> BadRecord:
        return BadRecord(
            f"{self._path}: record {number}: {what}. Download the .rec and .idx files "
            "again."
        )


@lru_cache(maxsize=2)
def _opened(path: Path) -> RecordFile:
    return RecordFile(path)
