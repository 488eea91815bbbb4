"""Removes people without a trace: database, log, copies, search files, workspace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from index.engines.annoy_index import drop_snapshots
from index.engines.milvus import drop_collections
from index.gallery.people import (
    chosen_photos,
    delete_person,
    delete_photos,
    person_id_of,
)
from index.gallery.storage.backup import erase_from_copies
from index.gallery.storage.erased_people import ErasedPeople
from index.gallery.storage.store import GalleryStore
from index.gallery.workspace_traces import erase_traces, workspace_of
from masking.errors import ToolkitError

PENDING = "erasure_pending"

_CHECKPOINT_ATTEMPTS = 20
_CHECKPOINT_PAUSE_S = 0.05


@dataclass(frozen=True)
class Erasure:
    """What became of a removal.

    Attributes:
        photos: how many were erased.
        left: files that could not forget, one sentence each.
    """

    photos: int
    left: tuple[str, ...]


def erase_people(store: GalleryStore, names: Sequence[str]) -> Erasure:
    """Delete people from a gallery and all that its workspace made of them.

    All of them or none; the database first, then every file that held them.

    Raises:
        MissingInput: nobody has one of the names; nothing was removed.
        ToolkitError: removed, but traces are left for now; the next command that
            opens the gallery tries again.
    """
    if not names:
        return Erasure(0, ())
    with store.changes():
        erased = _people_to_erase(store, names)
        version = store.count_change()
        count = sum(delete_person(store, name, version) for name in names)
        begin_erasure(store, erased, version)
    return Erasure(count, end_erasure(store))


def erase_photos(store: GalleryStore, name: str, numbers: Sequence[int]) -> Erasure:
    """Take photos out of a person, and all that the workspace made of them.

    Args:
        numbers: of the person's photos, from 1, in the order of enrolment.

    Raises:
        MissingInput: nobody has that name.
        InvalidConfig: no such photos, or all that the person has.
        ToolkitError: as `erase_people`.
    """
    with store.changes():
        person_id = person_id_of(store, name)
        photos = chosen_photos(store, name, numbers)
        version = store.count_change()
        delete_photos(store, person_id, photos, version)
        # Others' copies of the same photograph stay, and what was made of those.
        others = _first(store.read("SELECT sha256 FROM photos"))
        sha256s = frozenset(sha256 for _, sha256 in photos) - others
        gone = ErasedPeople(sha256s=sha256s, changed=frozenset([person_id]))
        begin_erasure(store, gone, version)
    return Erasure(len(photos), end_erasure(store))


def begin_erasure(store: GalleryStore, erased: ErasedPeople, version: int) -> None:
    """Part of the change to `version`: note what has to go elsewhere, too."""
    # Names, until nothing is left that has to be found by them.
    erased = erased.and_others(_pending(store))
    store.set_meta(PENDING, erased.to_json())
    store.set_meta("last_erasure", str(version))


def end_erasure(store: GalleryStore) -> tuple[str, ...]:
    """`finish_erasure`, after the change.

    Raises:
        ToolkitError: changed, but traces are left for now.
    """
    try:
        return tuple(finish_erasure(store))
    except ToolkitError as error:
        raise ToolkitError(
            f"{store.path}: removed, but {error} Then run: python cli.py gallery list"
        ) from error


def finish_erasure(store: GalleryStore) -> list[str]:
    """Delete what is derived, and rewrite the rest without those who were removed.

    Returns:
        Files that cannot forget, and why; the rest is done.

    Raises:
        ToolkitError: what is left, and what to do about it, beginning small. The next
            command that opens the gallery tries again.
    """
    try:
        left = _erase_elsewhere(store, _pending(store))
    except OSError as error:
        raise ToolkitError(
            f"a file still holds them ({error}). Make its folder writable."
        ) from error
    with store.changes():
        store.set_meta(PENDING, ErasedPeople().to_json())
    store.rewrite()
    if not _log_is_emptied(store):
        raise ToolkitError(
            "another process is reading the gallery, so old bytes remain in its log. "
            "Close it."
        )
    with store.changes():
        store.set_meta(PENDING, "")
    return left


def note_copy(store: GalleryStore, uri: str) -> None:
    """Record, before the first vector goes there, that a copy lies at a URI."""
    copy = [uri, store.meta("gallery_id")]
    if copy not in _copies(store):
        with store.changes():
            store.set_meta("copies", json.dumps([*_copies(store), copy]))


def drop_copies(store: GalleryStore) -> None:
    """Delete this gallery's collections everywhere.

    Raises:
        ToolkitError: a server cannot be reached, or its package is not installed.
    """
    for uri, gallery_id in _copies(store):
        drop_collections(uri, gallery_id)


def _copies(store: GalleryStore) -> list[list[str]]:
    """URIs that ever held a copy, and the identity that the gallery had then.

    A gallery that was put back from a backup has another identity.
    """
    copies: list[list[str]] = json.loads(store.meta("copies") or "[]")
    return copies


def _erase_elsewhere(store: GalleryStore, erased: ErasedPeople) -> list[str]:
    drop_snapshots(store.folder)
    try:
        drop_copies(store)
    except ToolkitError as error:
        raise ToolkitError(f"a copy remains: {error}") from error
    try:
        if not erased.is_empty:
            rows = store.read("SELECT person_id, sha256 FROM photos")
            kept = {(row[0], row[1]) for row in rows if row[1] in erased.sha256s}
            erase_from_copies(store.folder, erased, kept)
    except ToolkitError as error:
        raise ToolkitError(f"a backup may still hold them: {error}") from error
    workspace = workspace_of(store.folder)
    return [] if workspace is None else list(erase_traces(workspace, erased))


def _pending(store: GalleryStore) -> ErasedPeople:
    return ErasedPeople.from_json(store.meta(PENDING))


def _people_to_erase(store: GalleryStore, names: Sequence[str]) -> ErasedPeople:
    """What is known of people who are enrolled.

    Raises:
        MissingInput: nobody has one of the names.
    """
    found = ErasedPeople()
    for name in names:
        person_id = person_id_of(store, name)
        called = store.read("SELECT name FROM people WHERE id = ?", (person_id,))
        earlier = store.read(
            """SELECT name FROM former_names WHERE person_id = ?
            AND name NOT IN (SELECT name FROM people)""",
            (person_id,),
        )
        photos = "SELECT sha256 FROM photos WHERE person_id = ?"
        found = found.and_others(
            ErasedPeople(
                frozenset([person_id]),
                _first(called + earlier),
                _first(store.read(photos, (person_id,))),
            )
        )
    return found


def _first(rows: Iterable[Sequence[str]]) -> frozenset[str]:
    return frozenset(row[0] for row in rows)


def _log_is_emptied(store: GalleryStore) -> bool:
    for _ in range(_CHECKPOINT_ATTEMPTS):
        if store.checkpoint():
            return True
        # SQLite waits for readers, but not for another process's checkpoint.
        time.sleep(_CHECKPOINT_PAUSE_S)
    return False
