"""Removes a person whom every command has met, then looks for them in every byte."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import unicodedata
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.faults.workspaces import (
    ONE,
    SHIPPED,
    TRAINED,
    Workspaces,
    copy_people,
    newcomer_photos,
    run,
    succeed,
)

# Kind of trace -> bytes that nothing else holds.
Traces = dict[str, list[bytes]]
NAME = "Zoë Quillfeather"
# Parts of vectors and pictures: so much is no coincidence.
_BLOB_BYTES = 24


def erase_somebody(workspaces: Workspaces, _: np.random.Generator) -> Iterator[str]:
    """Run every command, remove the person, and look for each trace of them."""
    # The inputs of other trials show the same person.
    home = workspaces.place
    shutil.rmtree(home, ignore_errors=True)
    people, photos = home.parent / "people", _own_photos(home.parent / "people" / NAME)
    copy_people(people, 5, 3)
    for words in _commands(home.parent, people, photos):
        done = run(*words, "--workspace", home)
        if done.flaw:
            yield f"{words[0]}: {done.flaw}"
    stored = _stored_blobs(home)
    succeed("gallery", "remove", NAME, "--yes", "--workspace", home)
    gone = stored - _stored_blobs(home)
    traces = name_traces(NAME) | photo_traces(photos) | blob_traces(gone)
    if not gone:
        yield "nothing had been stored: the trial says nothing"
    for file, kind in traces_below(home, traces):
        yield f"removed, {kind} in {file}"
    # The photographs are the user's to delete; then nothing comes back.
    shutil.rmtree(people / NAME)
    succeed("augment", people, *ONE, "--workspace", home)
    for file, kind in traces_below(home / "augmented", traces):
        yield f"augmented again, {kind} in {file}"


def _own_photos(home: Path) -> list[Path]:
    """Photographs of the person, whose files have names of their own."""
    home.mkdir(parents=True)
    photos = []
    for number, photo in enumerate(newcomer_photos()):
        photos.append(home / f"quillfeather-{number:04d}.jpg")
        shutil.copy(photo, photos[-1])
    return photos


def _commands(
    folder: Path, people: Path, photos: Sequence[Path]
) -> list[tuple[str | Path, ...]]:
    """Every command that may see a person."""
    out = folder / "out"
    table = folder / "people.csv"
    table.write_text(f"person,file\n{NAME},{photos[2]}\n", encoding="utf-8")
    return [
        ("augment", people, "--variants", "1", *ONE),
        ("train", *TRAINED),
        ("enroll", NAME, *photos[:2], "--consent", f"form of {NAME}"),
        ("enroll", "--csv", table, *ONE),
        ("identify", photos[3], "--csv", out / "answers.csv"),
        ("identify", folder / "not there.jpg"),
        ("gallery", "show", NAME),
        ("gallery", "rename", NAME, f"{NAME} II"),
        ("gallery", "rename", f"{NAME} II", NAME),
        ("gallery", "verify"),
        ("gallery", "export", out / "gallery.npz"),
        ("gallery", "rebuild", *SHIPPED),
        ("gallery", "backup"),
        ("gallery", "restore", "--force", "--yes"),
        ("identify", photos[3], *SHIPPED),
        ("evaluate", people, "--rounds", "0", *SHIPPED, *ONE),
        ("embed", people, "--out", out / "people.npz", *SHIPPED, *ONE),
        ("calibrate", people, *SHIPPED, *ONE),
        ("enroll", NAME, folder / "not there.jpg", *SHIPPED),
        ("gallery", "audit"),
    ]


def _stored_blobs(workspace: Path) -> set[bytes]:
    """Vectors and pictures of all rows of a gallery, whatever its tables are called."""
    found: set[bytes] = set()
    with closing(sqlite3.connect(workspace / "gallery" / "gallery.sqlite")) as gallery:
        tables = gallery.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in gallery.execute(f'SELECT * FROM "{table}"'):
                found |= {value for value in row if isinstance(value, bytes)}
    return {blob for blob in found if len(blob) > 2 * _BLOB_BYTES}


def blob_traces(blobs: set[bytes]) -> Traces:
    """The middle of vectors and pictures, and of vectors in half precision."""
    halved = []
    for blob in blobs:
        values = np.frombuffer(blob[: len(blob) & ~3], dtype="<f4")
        with np.errstate(over="ignore", invalid="ignore"):
            halved.append(_middle(values.astype("<f2").tobytes()))
    return {
        "photograph or vector": [_middle(blob) for blob in blobs],
        "half-precision vector": halved,
    }


def _middle(blob: bytes) -> bytes:
    start = len(blob) // 2 & ~3
    return blob[start : start + _BLOB_BYTES]


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
        "photo's bytes": [_middle(content) for content in data],
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
