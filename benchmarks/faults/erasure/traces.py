"""What a person leaves behind, and the search for it in every byte of a folder."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import unicodedata
import urllib.parse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Kind of trace -> bytes that nothing else holds.
Traces = dict[str, list[bytes]]
# Parts of vectors and pictures: so much is no coincidence.
_BLOB_BYTES = 24
_SHORTEST = 16
# Of 128 numbers, as the shipped embedder's.
_VECTOR_BYTES = 512


def stored_values(workspace: Path) -> set[bytes | str]:
    """Long values of all rows of a gallery, whatever its tables are called."""
    values: set[bytes | str] = set()
    with closing(sqlite3.connect(workspace / "gallery" / "gallery.sqlite")) as gallery:
        tables = gallery.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in gallery.execute(f'SELECT * FROM "{table}"'):
                values |= {v for v in row if isinstance(v, bytes | str)}
    return {value for value in values if len(value) >= _SHORTEST}


def value_traces(values: set[bytes | str]) -> Traces:
    """What to look for of the values that went with a person."""
    blobs = [value for value in values if isinstance(value, bytes)]
    texts = [value for value in values if isinstance(value, str)]
    return {
        "photograph or vector": [_middle(blob) for blob in blobs],
        "half-precision vector": [_halved(blob) for blob in blobs],
        # Others may have been enrolled in the same second.
        "text": [text.encode() for text in texts if not re.match(r"\d{4}-", text)],
    }


def _middle(blob: bytes) -> bytes:
    start = len(blob) // 2 & ~3
    return blob[start : start + _BLOB_BYTES]


def _halved(blob: bytes) -> bytes:
    """The middle of float32 numbers as float16; of a picture nothing of meaning."""
    values = np.frombuffer(blob[: len(blob) & ~3], dtype="<f4")
    with np.errstate(over="ignore", invalid="ignore"):
        return _middle(values.astype("<f2").tobytes())


def near_vectors(
    folder: Path, vectors: set[bytes | str], distance: float
) -> list[tuple[str, str]]:
    """Arrays below a folder with a row that is no farther from one of the vectors.

    Another picture of the same face, or another cut of it, gives another vector.

    Args:
        vectors: rows of float32 among other values.
    """
    blobs = [value for value in vectors if isinstance(value, bytes)]
    rows = [np.frombuffer(b, dtype="<f4") for b in blobs if len(b) == _VECTOR_BYTES]
    found = []
    for path in sorted(folder.rglob("*.np[yz]")):
        stored = np.load(path)
        arrays = stored.values() if path.suffix == ".npz" else [stored]
        if any(_nearest(array, rows) <= distance for array in arrays):
            found.append((str(path.relative_to(folder)), "vector of the face"))
    return found


def _nearest(array: NDArray[Any], rows: Sequence[NDArray[np.float32]]) -> float:
    """Smallest distance between rows of an array and `rows`; infinite for others."""
    if array.size == 0 or array.shape[-1:] != rows[0].shape:
        return np.inf
    every = array.reshape(-1, len(rows[0])).astype(np.float32)
    return float(min(np.linalg.norm(every - row, axis=1).min() for row in rows))


def name_traces(name: str) -> Traces:
    """A name as programs write it."""
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
    forms |= {form.replace(" ", "_") for form in forms}
    found = {form.encode() for form in forms}
    found |= {form.encode("utf-16-le") for form in forms}
    found |= {json.dumps(form)[1:-1].encode() for form in forms}
    found |= {urllib.parse.quote(form).encode() for form in forms}
    return {"name": sorted(found)}


def photo_traces(photos: Sequence[Path]) -> Traces:
    """Hashes and bytes of photographs, and the names of their files."""
    data = [photo.read_bytes() for photo in photos]
    digests = [hashlib.sha256(content).digest() for content in data]
    return {
        "photo's hash": [part for d in digests for part in (d, d.hex().encode())],
        "photo's bytes": [
            content[len(content) // 2 :][:_BLOB_BYTES] for content in data
        ],
        "photo's file name": [photo.stem.encode() for photo in photos],
    }


def traces_below(folder: Path, traces: Traces) -> list[tuple[str, str]]:
    """Each file with each kind of trace that its bytes or its name hold."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        content = name.encode(errors="surrogateescape")
        if path.is_file():
            content += b"\0" + path.read_bytes()
        for kind, parts in traces.items():
            if any(part in content for part in parts):
                found.append((name, kind))
    return found
