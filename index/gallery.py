"""People, photos and embeddings in SQLite: the only truth about who is enrolled."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from index import gallery_file
from index.calibration import Calibration
from index.gallery_meta import check_unchanged, new_meta
from index.gallery_people import (
    delete_person,
    insert_photo,
    list_people,
    owners_of,
    photo_is_stored,
    rename_person,
)
from index.gallery_rows import (
    GalleryPhoto,
    NewPhoto,
    Person,
    checked_embedding,
    vector_bytes,
)
from index.gallery_store import GalleryStore
from index.gallery_vectors import (
    export_embeddings,
    read_nearest_photo,
    read_templates,
)
from index.person_names import checked_name
from index.person_photos import PersonPhoto, read_person_photos
from index.templates import Templates
from masking.errors import EmbedderMismatch, ToolkitError
from masking.image_files import encode_image
from masking.landmarks import Float32
from training.embedder import Embedder

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
    if not path.exists():
        gallery_file.create_file(path, new_meta(embedder))
    gallery = open_gallery(folder)
    try:
        gallery.check_embedder(embedder)
    except BaseException:
        gallery.close()
        raise
    return gallery


class Gallery:
    """An open gallery; close it, or use it in a `with` block.

    Attributes:
        folder: where it and its generations lie.
        gallery_id: random, made once.
        fingerprint, dimension, metric: of the embedder whose vectors it holds.
    """

    def __init__(self, store: GalleryStore, folder: Path):
        self._store = store
        self.folder = folder
        self.gallery_id = store.meta("gallery_id")
        self.fingerprint = store.meta("fingerprint")
        self.dimension = int(store.meta("dimension"))
        self.metric = store.meta("metric")
        # A removal that was killed, or held up by a reader, is finished here.
        if store.meta("erasure_pending") and not store.erase_traces():
            _log.warning("%s: an erasure still waits for another process", folder)

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
                "stored photos anew: python cli.py gallery rebuild --model MODEL"
            )

    @property
    def version(self) -> int:
        """Counts the changes to people and embeddings."""
        with self._own_vectors():
            return int(self._store.meta("version"))

    @property
    def last_erasure(self) -> int:
        """The version that the latest removal made; 0 when there was none."""
        return int(self._store.meta("last_erasure") or 0)

    def add(self, photos: Sequence[NewPhoto]) -> int:
        """Store photographs, people who are new included; all of them or none.

        A photo that the person already has is left as it is.

        Returns:
            How many were new.

        Raises:
            BadRecord: an embedding is not finite or of the wrong length.
            InvalidConfig: a name that nobody can have.
            EmbedderMismatch: another process embedded the gallery anew.
        """
        ready = []
        for photo in photos:
            row = checked_embedding(photo.embedding, self.dimension, photo.source)
            chip = encode_image(photo.chip, ".jpg", _CHIP_QUALITY)
            ready.append((checked_name(photo.name), photo, chip, vector_bytes(row)))
        with self._store.changes():
            check_unchanged(self._store, self.fingerprint)
            added = sum(insert_photo(self._store, *row) for row in ready)
            if added:
                self._store.count_change()
                self._store.record("add", None, f"{added} photos")
        return added

    def has_photo(self, name: str, sha256: str) -> bool:
        """Whether this photo of this person is stored."""
        return photo_is_stored(self._store, name, sha256)

    def people(self) -> list[Person]:
        """Everybody, by name."""
        return list_people(self._store)

    def names(self, person_ids: Sequence[int]) -> dict[int, str]:
        """Names of those of the given people who are (still) enrolled."""
        query = "SELECT id, name FROM people WHERE id = ?"
        return dict(row for i in person_ids for row in self._store.read(query, (i,)))

    def rename(self, name: str, new_name: str) -> None:
        """Give a person another name.

        Raises:
            MissingInput: nobody has the old name.
            InvalidConfig: somebody has the new one, or nobody can.
        """
        with self._store.changes():
            # Generations hold no names: they stay valid, the version stays.
            rename_person(self._store, name, checked_name(new_name))

    def remove(self, name: str) -> int:
        """Erase a person from the database, its log and every generation.

        Returns:
            How many photos were erased.

        Raises:
            MissingInput: nobody has that name.
            ToolkitError: removed, but another process's reading held up the
                overwriting; the next command that opens the gallery finishes it.
        """
        with self._store.changes():
            count = delete_person(self._store, name)
            self._store.set_meta("erasure_pending", "1")
            self._store.count_change()
            self._store.set_meta("last_erasure", self._store.meta("version"))
        if not self._store.erase_traces():
            raise ToolkitError(
                f"{self._store.path}: removed, but another process is reading the "
                "gallery, so old bytes remain in its log. Close it, then run: python "
                "cli.py gallery list"
            )
        return count

    def templates(self) -> Templates:
        """One template a person: the mean of the embeddings of their photos."""
        with self._own_vectors():
            return read_templates(self._store)

    def nearest_photo(self, person_id: int, query: Float32) -> GalleryPhoto:
        """The person's stored photo nearest to a (D,) query embedding."""
        with self._own_vectors():
            return read_nearest_photo(self._store, person_id, query)

    def photos(self, name: str) -> list[PersonPhoto]:
        """The photos of a person, in the order in which they were enrolled.

        Raises:
            MissingInput: nobody has that name.
        """
        with self._own_vectors():
            return read_person_photos(self._store, name)

    def owners(self, sha256s: Collection[str]) -> set[int]:
        """Numbers of the people who have one of these photos."""
        return owners_of(self._store, sha256s)

    def export(self, path: Path) -> int:
        """Write all embeddings with names as .npz; returns how many."""
        return export_embeddings(self._store, path)

    @property
    def calibration(self) -> Calibration | None:
        """How far apart strangers are for this embedder; None before `train`."""
        text = self._store.meta("calibration")
        return Calibration.from_json(text) if text else None

    def set_calibration(self, calibration: Calibration) -> None:
        """Keep the calibration that thresholds are derived from."""
        with self._store.changes():
            check_unchanged(self._store, self.fingerprint)
            self._store.set_meta("calibration", calibration.to_json())
            self._store.record("calibrate", None, "")

    @contextmanager
    def _own_vectors(self) -> Iterator[None]:
        """Reads of the block see one state, with this embedder's vectors.

        Another process may embed the gallery anew while this one has it open.
        """
        with self._store.snapshot():
            check_unchanged(self._store, self.fingerprint)
            yield
