"""Finds the newest search files of a gallery, and makes new ones."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from index.gallery import Gallery
from index.generation import (
    Generation,
    generation_folders,
    read_generation,
    write_generation,
)
from index.search_tuning import tune_annoy
from masking.errors import BadRecord, MissingInput

_ATTEMPTS = 3
_log = logging.getLogger(__name__)


def newest_generation(
    gallery: Gallery, after: int = -1, with_trees: bool = False
) -> Generation | None:
    """The newest generation that is whole; None without one.

    Damaged ones are skipped with a notice.

    Args:
        after: the version that it must be newer than.
        with_trees: whether Annoy's file, where there is one, must be whole too.
    """
    version = gallery.version
    for folder in generation_folders(gallery.folder):
        number = folder.name.partition("-")[0]
        # A version of the future is that of a database that was put back.
        if not number.isdecimal() or not after < int(number) <= version:
            continue
        try:
            found = read_generation(folder, gallery.gallery_id, gallery.fingerprint)
            if with_trees and found.trees_sha256:
                found.check_trees()
            return found
        except BadRecord as error:
            # One that a removal sweeps at this moment is not damaged.
            if folder.exists():
                _log.warning("the search files are built again: %s", error)
    return None


def build_generation(gallery: Gallery, with_trees: bool) -> Generation:
    """Write search files of the gallery as it is now.

    Args:
        with_trees: also tune Annoy, and keep its index if it misses nobody.

    Raises:
        MissingInput: nobody is enrolled.
        OSError, BadRecord: they cannot be written.
    """
    reason = "no attempt was made"
    for _ in range(_ATTEMPTS):
        before = gallery.last_erasure
        try:
            folder = _written(gallery, with_trees)
        except OSError as error:
            # A removal in another process sweeps what is being written.
            if gallery.last_erasure == before:
                raise
            reason = str(error)
            continue
        if folder is not None:
            return read_generation(folder, gallery.gallery_id, gallery.fingerprint)
        reason = "a person was removed meanwhile"
    raise BadRecord(f"{gallery.folder}: search files cannot be made ({reason})")


def _written(gallery: Gallery, with_trees: bool) -> Path | None:
    """The new generation; None when somebody who is in it was removed meanwhile."""
    templates = gallery.templates()
    if not len(templates.person_ids):
        raise MissingInput(
            f"{gallery.folder}: nobody is enrolled. Run: python cli.py enroll"
        )
    tuning = trees = None
    if with_trees:
        tuning, trees = tune_annoy(templates, gallery.mask_moves())
    folder = write_generation(
        gallery.folder, templates, gallery.fingerprint, tuning, trees
    )
    # Whoever removes a person sweeps generations after the removal is stored: this
    # look comes after ours is visible, so one of the two deletes it.
    if gallery.last_erasure > templates.version:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return folder
