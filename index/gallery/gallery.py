"""People, photos and embeddings in SQLite: the only truth about who is enrolled."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

from index.gallery.copies import note_copy
from index.gallery.embedder_record import check_unchanged, new_meta
from index.gallery.erasure import PENDING, Erasure, erase_people, finish_erasure
from index.gallery.gallery_reading import GalleryReader
from index.gallery.people import (
    expired_names,
    insert_photos,
    rename_person,
    set_terms,
)
from index.gallery.storage import database as gallery_file
from index.gallery.storage.backup import backup_to_restore, put_back
from index.gallery.storage.folder import backup_files
from index.gallery.storage.names import checked_name
from index.gallery.storage.rows import (
    NO_TERMS,
    NewPhoto,
    PhotoRow,
    Terms,
    checked_embedding,
    vector_bytes,
)
from index.gallery.storage.store import GalleryStore
from masking.datasets.images import encode_image
from masking.errors import EmbedderMismatch, ToolkitError
from training.embedders.protocol import Embedder

# Chips are kept to be embedded again by a later model, not only to be shown.
_CHIP_QUALITY = 95
_log = logging.getLogger(__name__)


def open_gallery(folder: Path) -> Gallery:
    """The gallery of a folder; needs no embedder.

    Raises:
        MissingInput: there is none.
        BadRecord: it is damaged or of a newer version.
    """
    return Gallery(GalleryStore(folder), folder)


def open_or_create_gallery(folder: Path, embedder: Embedder) -> Gallery:
    """The gallery of a folder for this embedder; an empty one if there is none.

    Raises:
        EmbedderMismatch: it holds another embedder's vectors.
        BadRecord: it is damaged or of a newer version.
    """
    path = folder / gallery_file.FILE_NAME
    # Where backups are, a gallery was lost: opening it says what to do.
    if not path.exists() and not backup_files(folder):
        gallery_file.create_file(path, new_meta(embedder))
    gallery = open_gallery(folder)
    try:
        gallery.check_embedder(embedder)
    except BaseException:
        gallery.close()
        raise
    return gallery


def restore_gallery(folder: Path, backup: Path | None = None) -> Path:
    """Put a backup in the place of the gallery; what was there is set aside.

    No other process may use the gallery meanwhile.

    Args:
        backup: None takes the newest.

    Returns:
        The backup that was put back; it stays where it is.

    Raises:
        MissingInput: there is no backup.
        BadRecord: the backup is damaged.
    """
    found = backup_to_restore(folder, backup)
    # Whoever was removed a moment ago may be in backups yet: a gallery that is sound
    # enough to be opened finishes that first.
    with suppress(ToolkitError):
        open_gallery(folder).close()
    put_back(folder, found)
    with closing(GalleryStore(folder)) as store, store.changes():
        store.record("restore", None, f"backup {found.stem}")
    return found


class Gallery(GalleryReader):
    """An open gallery; close it, or use it in a `with` block."""

    def __init__(self, store: GalleryStore, folder: Path):
        super().__init__(store, folder)
        # A removal that was killed, or held up by a reader, is finished here.
        if store.meta(PENDING) and not store.read_only:
            try:
                left = finish_erasure(store, folder)
            except ToolkitError as error:
                left = [str(error)]
            for line in left:
                _log.warning("%s: somebody was removed, but %s", folder, line)

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._store.close()

    def check_embedder(self, embedder: Embedder) -> None:
        """Raise EmbedderMismatch unless this embedder made the gallery's vectors."""
        if embedder.fingerprint != self.fingerprint:
            raise EmbedderMismatch(
                f"{self._store.path} was enrolled with embedder "
                f"{self.fingerprint[:12]}, but the model in use is "
                f"{embedder.fingerprint[:12]}. Use that model, or embed the "
                "stored photos again: python cli.py gallery rebuild --model MODEL"
            )

    def add(self, photos: Sequence[NewPhoto], terms: Terms = NO_TERMS) -> int:
        """Store photographs, people who are new included; all of them or none.

        A photo that the person already has is left as it is.

        Args:
            terms: recorded with every person of `photos`, where they say something.

        Returns:
            How many were new.

        Raises:
            BadRecord: an embedding is not finite or of the wrong length.
            InvalidConfig: a name that nobody can have.
            EmbedderMismatch: another process embedded the gallery again.
        """
        ready = []
        for photo in photos:
            row = checked_embedding(photo.embedding, self.dimension, photo.source)
            chip = encode_image(photo.chip, ".jpg", _CHIP_QUALITY)
            name = checked_name(photo.name)
            covered = None
            if photo.covered is not None:
                checked = checked_embedding(photo.covered, self.dimension, photo.source)
                covered = vector_bytes(checked)
            ready.append(PhotoRow(name, photo, chip, vector_bytes(row), covered))
        with self._store.changes():
            check_unchanged(self._store, self.fingerprint)
            return insert_photos(self._store, ready, terms)

    def set_terms(self, names: Collection[str], terms: Terms) -> None:
        """Record consent and the end of keeping with people who are enrolled.

        Raises:
            MissingInput: nobody has one of the names.
        """
        with self._store.changes():
            set_terms(self._store, names, terms)

    def note_copy(self, uri: str) -> None:
        """Record that a copy of the templates goes to a URI: erasure goes there."""
        note_copy(self._store, uri)

    def rename(self, name: str, new_name: str) -> None:
        """Give a person another name.

        Raises:
            MissingInput: nobody has the old name.
            InvalidConfig: somebody has the new one, or nobody can.
        """
        with self._store.changes():
            # Snapshots hold no names: they stay valid, the version stays.
            rename_person(self._store, name, checked_name(new_name))

    def remove(self, name: str) -> Erasure:
        """Erase a person from all that the workspace made, the database first.

        Raises:
            MissingInput: nobody has that name.
            ToolkitError: removed, but another process's reading held up the
                overwriting; the next command that opens the gallery finishes it.
        """
        return erase_people(self._store, self.folder, [name])

    def remove_all(self, names: Sequence[str]) -> Erasure:
        """`remove` of several people, all of them or none."""
        if not names:
            return Erasure(0, ())
        return erase_people(self._store, self.folder, names)

    def back_up(self) -> Path:
        """Copy the database now; a daily copy is made without being asked."""
        return self._store.back_up()

    def expired(self, today: date) -> list[str]:
        """Names of those who were to be kept until a day before `today`."""
        return expired_names(self._store, today)

    @property
    def calibration_json(self) -> str:
        """What `index.calibration` measured for this embedder; "" before `train`."""
        return self._store.meta("calibration")

    def set_calibration(self, calibration_json: str) -> None:
        """Store the calibration that thresholds are derived from.

        Raises:
            EmbedderMismatch: another process embedded the gallery again.
        """
        with self._store.changes():
            check_unchanged(self._store, self.fingerprint)
            self._store.set_meta("calibration", calibration_json)
            self._store.record("calibrate", None, "")
