"""What can be read of an open gallery."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from index.engines.templates import ALL, Templates
from index.gallery.embedder_record import check_unchanged, cohort_of_store
from index.gallery.people import list_people, owners_of, photo_is_stored
from index.gallery.person_photos import (
    PersonPhoto,
    read_person_photos,
)
from index.gallery.storage.rows import AuditEntry, GalleryPhoto, Person
from index.gallery.storage.store import GalleryStore
from index.gallery.vectors import (
    TemplateChanges,
    export_embeddings,
    read_changes,
    read_nearest_photo,
    read_person_template,
    read_templates,
)
from masking.landmarks import Float32


class GalleryReader:
    """The reading half of `Gallery`.

    Attributes:
        folder: where it and its snapshots lie.
        gallery_id: random; a copy that was put back has another one.
        fingerprint, dimension, metric, cohort: of the embedder whose vectors it
            holds.
    """

    def __init__(self, store: GalleryStore, folder: Path):
        self._store = store
        self.folder = folder
        self.gallery_id = store.meta("gallery_id")
        self.fingerprint = store.meta("fingerprint")
        self.dimension = int(store.meta("dimension"))
        self.metric = store.meta("metric")
        self.cohort = cohort_of_store(store)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed, as the folder cannot be written."""
        return self._store.read_only

    @property
    def version(self) -> int:
        """Counts the changes to people and embeddings."""
        with self._own_vectors():
            return int(self._store.meta("version"))

    @property
    def last_erasure(self) -> int:
        """The version that the latest removal made; 0 when there was none."""
        return int(self._store.meta("last_erasure") or 0)

    @property
    def size(self) -> int:
        """How many people are enrolled."""
        return int(self._store.read("SELECT COUNT(*) FROM people")[0][0])

    def photo_counts(self, person_ids: Sequence[int]) -> dict[tuple[int, bool], int]:
        """How many photos each template of these people is the mean of.

        The key is a person's number and whether it is for masked faces.
        """
        query = """SELECT masked, COUNT(*) FROM template_rows WHERE person_id = ?
            GROUP BY masked"""
        return {
            (person_id, bool(masked)): int(count)
            for person_id in dict.fromkeys(person_ids)
            for masked, count in self._store.read(query, (person_id,))
        }

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

    def templates(self, kind: str = ALL) -> Templates:
        """What faces are compared with: of each person for unmasked and for masked
        ones.

        Args:
            kind: ALL, PLAIN or MASKED, of index.engines.templates.
        """
        with self._own_vectors():
            return read_templates(self._store, self.cohort).of_kind(kind)

    def changes_since(self, version: int) -> TemplateChanges:
        """Templates of people who are new or changed, and who is gone."""
        with self._own_vectors():
            return read_changes(self._store, version, self.cohort)

    def change_count(self, version: int) -> int:
        """How many people were enrolled, changed or removed after a version."""
        query = """SELECT (SELECT COUNT(*) FROM people WHERE changed > ?)
            + (SELECT COUNT(*) FROM removed WHERE version > ?)"""
        return int(self._store.read(query, (version, version))[0][0])

    def person_template(self, person_id: int, masked: bool) -> Float32:
        """(D,) one of a person's templates, that for unmasked or that for masked faces.

        Raises:
            MissingInput: the person was removed, or has no such template.
        """
        with self._own_vectors():
            return read_person_template(self._store, person_id, masked)

    def nearest_photo(self, person_id: int, query: Float32) -> GalleryPhoto:
        """The person's stored photo nearest to a (D,) query embedding."""
        with self._own_vectors():
            return read_nearest_photo(self._store, person_id, query, self.cohort)

    def photos(self, name: str) -> list[PersonPhoto]:
        """The photos of a person, in the order in which they were enrolled.

        Raises:
            MissingInput: nobody has that name.
        """
        with self._own_vectors():
            return read_person_photos(self._store, name, self.cohort)

    def owners(self, sha256s: Collection[str]) -> set[int]:
        """Numbers of the people who have one of these photos."""
        return owners_of(self._store, sha256s)

    def audit(self) -> list[AuditEntry]:
        """All changes, the oldest first."""
        query = "SELECT time, actor, action, person_id, detail FROM audit ORDER BY id"
        return [AuditEntry(*row) for row in self._store.read(query)]

    def export(self, path: Path) -> int:
        """Write all embeddings with names as .npz; returns of how many photos."""
        return export_embeddings(self._store, path, self.cohort)

    @contextmanager
    def _own_vectors(self) -> Iterator[None]:
        """Reads of the block see one state, with this embedder's vectors.

        Another process may embed the gallery again while this one has it open.
        """
        with self._store.snapshot():
            check_unchanged(self._store, self.fingerprint)
            yield
