"""Finds the newest snapshot of a gallery, and makes the next when many changed."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from index.engines.annoy_index import NoAnnoy, build_trees
from index.engines.snapshot import (
    Snapshot,
    drop_snapshots,
    read_snapshot,
    snapshot_folders,
    version_of,
    write_snapshot,
)
from index.gallery.gallery import Gallery
from index.search.incremental import stale
from masking.errors import BadRecord, MissingInput

_ATTEMPTS = 3
_log = logging.getLogger(__name__)


def newest_snapshot(gallery: Gallery, after: int = -1) -> Snapshot | None:
    """The newest snapshot that is whole; None without one.

    Damaged ones are skipped with a notice.

    Args:
        after: the version that it must be newer than.
    """
    version = gallery.version
    for folder in snapshot_folders(gallery.folder):
        # A version of the future is that of a database that was put back.
        if not after < version_of(folder) <= version:
            continue
        try:
            return read_snapshot(folder, gallery.gallery_id, gallery.fingerprint)
        except BadRecord as error:
            # One that a removal sweeps at this moment is not damaged.
            if folder.exists():
                _log.warning("the search index is built again: %s", error)
        except NoAnnoy:
            # Whoever would build the next one says so.
            return None
    return None


def current_snapshot(gallery: Gallery, after: int = -1) -> Snapshot:
    """The newest snapshot, or one that is made now, when many people changed.

    Args:
        after: the version that it must be newer than.

    Raises:
        MissingInput: nobody is enrolled.
        OSError, BadRecord: it cannot be written.
        NoAnnoy: the package is missing.
    """
    found = newest_snapshot(gallery, after)
    if found:
        changed = gallery.change_count(found.templates.version)
        if not stale(changed, gallery.size):
            return found
    return build_snapshot(gallery)


def refresh_snapshot(gallery: Gallery, after: int = -1) -> Snapshot | None:
    """`current_snapshot`, with a notice and the older one where none can be written."""
    try:
        return current_snapshot(gallery, after)
    except NoAnnoy as reason:
        _log.warning("%s", reason)
        return None
    except (OSError, BadRecord) as error:
        _log.warning("%s: no search index can be kept: %s", gallery.folder, error)
        return newest_snapshot(gallery, after)


def build_snapshot(gallery: Gallery) -> Snapshot:
    """Write a snapshot of the gallery as it is now.

    Raises:
        MissingInput: nobody is enrolled.
        OSError, BadRecord: it cannot be written.
    """
    reason = "no attempt was made"
    for _ in range(_ATTEMPTS):
        before = gallery.last_erasure
        try:
            folder = _written(gallery)
            if folder is not None:
                return read_snapshot(folder, gallery.gallery_id, gallery.fingerprint)
            reason = "a person was removed meanwhile"
        except (OSError, BadRecord) as error:
            # Other processes sweep: a removal what is being written or was just
            # written, the makers of newer snapshots what was written.
            causes = (error, error.__cause__)
            swept = any(isinstance(one, FileNotFoundError) for one in causes)
            if gallery.last_erasure == before and not swept:
                raise
            reason = str(error)
    raise BadRecord(f"{gallery.folder}: no search index can be made ({reason})")


def _written(gallery: Gallery) -> Path | None:
    """The new snapshot; None when somebody who is in it was removed meanwhile."""
    templates = gallery.templates()
    if not len(templates.person_ids):
        raise MissingInput(
            f"{gallery.folder}: nobody is enrolled. Run: python cli.py enroll"
        )
    trees = build_trees(templates)
    folder = write_snapshot(gallery.folder, templates, trees, gallery.fingerprint)
    # Whoever removes a person sweeps snapshots after the removal is stored: this
    # look comes after ours is visible, so one of the two deletes it.
    if gallery.last_erasure > templates.version:
        with suppress(OSError):
            drop_snapshots(gallery.folder)
        return None
    return folder
