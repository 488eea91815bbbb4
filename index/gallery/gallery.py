"""People, photos and embeddings in SQLite: the only truth about who is enrolled."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date
from pathlib import Path

from index.engines.annoy_index import sweep_half_written
from index.engines.neighbours import ALL, Templates
from index.gallery.erasure import PENDING, finish_erasure
from index.gallery.people import (
    AuditEntry,
    Person,
    PersonPhoto,
    insert_photos,
    read_chip_file,
    read_person_chips,
    read_person_photos,
    rename_person,
    set_terms,
)
from index.gallery.storage import database as gallery_file
from index.gallery.storage.backup import backup_to_restore, put_back
from index.gallery.storage.database import backup_files
from index.gallery.storage.store import (
    NO_TERMS,
    GalleryPhoto,
    GalleryStore,
    PhotoRow,
    Terms,
    checked_name,
    read_sample,
    vector_bytes,
)
from index.gallery.vectors import (
    TemplateChanges,
    check_unchanged,
    cohort_of_store,
    export_embeddings,
    new_meta,
    read_changes,
    read_nearest_numbers,
    read_nearest_photo,
    read_person_template,
    read_templates,
)
from masking.datasets.images import encode_image
from masking.errors import BadRecord, EmbedderMismatch, ToolkitError
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace, Embedder
from training.metrics.score_normalization import EmbeddedFaces

# Chips are kept to be embedded again by a later model, not only to be shown.
_CHIP_QUALITY = 95
_log = logging.getLogger(__name__)


def open_gallery(folder: Path) -> Gallery:
    """The gallery of a folder; needs no embedder.

    Raises:
        MissingInput: there is none.
        BadRecord: it is damaged or of a newer version.
    """
    with ExitStack() as stack:
        gallery = Gallery(stack.enter_context(closing(GalleryStore(folder))))
        stack.pop_all()
    return gallery


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
    with ExitStack() as stack:
        gallery = stack.enter_context(closing(open_gallery(folder)))
        gallery.check_embedder(embedder)
        stack.pop_all()
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


class Gallery:
    """An open gallery; close it, or use it in a `with` block.

    Attributes:
        store: its file: for changes and reads that have no method here.
        folder: where it and its snapshots lie.
        gallery_id: random; a copy that was put back has another one.
        fingerprint, dimension, metric, cohort: of the embedder whose vectors it
            holds.
    """

    def __init__(self, store: GalleryStore):
        self.store, self.folder = store, store.folder
        self.gallery_id = store.meta("gallery_id")
        self.fingerprint = store.meta("fingerprint")
        self.dimension = int(store.meta("dimension"))
        self.metric = store.meta("metric")
        self.cohort = cohort_of_store(store)
        if not store.read_only:
            # Whom they show may be removed later.
            with suppress(OSError):
                sweep_half_written(self.folder)
        # A removal that was killed, or held up by a reader, is finished here.
        if store.meta(PENDING) and not store.read_only:
            try:
                left = finish_erasure(store)
            except ToolkitError as error:
                left = [str(error)]
            for line in left:
                _log.warning("%s: somebody was removed, but %s", self.folder, line)

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self.store.close()

    def check_embedder(self, embedder: Embedder) -> None:
        """Raise EmbedderMismatch unless this embedder made the gallery's vectors."""
        if embedder.fingerprint != self.fingerprint:
            raise EmbedderMismatch(
                f"{self.store.path} was enrolled with embedder "
                f"{self.fingerprint[:12]}, but the model in use is "
                f"{embedder.fingerprint[:12]}. Use that model, or embed the "
                "stored photos again: python cli.py gallery rebuild --model MODEL"
            )

    def add(
        self, faces: Sequence[tuple[str, EmbeddedFace]], terms: Terms = NO_TERMS
    ) -> int:
        """Store faces with whose they are; new people included; all of them or none.

        A photo that the person already has is left as it is.

        Args:
            terms: recorded with every person of `faces`, where they say something.

        Returns:
            How many were new.

        Raises:
            BadRecord: an embedding is of the wrong length.
            InvalidConfig: a name that nobody can have.
            EmbedderMismatch: another process embedded the gallery again.
        """
        ready = [self._row(name, face) for name, face in faces]
        with self.store.changes():
            check_unchanged(self.store, self.fingerprint)
            return insert_photos(self.store, ready, terms)

    def _row(self, name: str, face: EmbeddedFace) -> PhotoRow:
        reference = face.masked_reference
        for vector in (face.embedding, reference):
            if vector is not None and vector.shape != (self.dimension,):
                raise BadRecord(
                    f"{face.face.source}: its embedding has shape {vector.shape}, the "
                    f"gallery holds ({self.dimension},). Use the model that the "
                    "gallery was made with."
                )
        return PhotoRow(
            checked_name(name),
            face,
            encode_image(face.face.crop, ".jpg", _CHIP_QUALITY),
            vector_bytes(face.embedding),
            None if reference is None else vector_bytes(reference),
        )

    def set_terms(self, names: Collection[str], terms: Terms) -> None:
        """Record consent and the end of keeping with people who are enrolled.

        Raises:
            MissingInput: nobody has one of the names.
        """
        with self.store.changes():
            set_terms(self.store, names, terms)

    def rename(self, name: str, new_name: str) -> None:
        """Give a person another name.

        Raises:
            MissingInput: nobody has the old name.
            NameTaken: somebody has the new one.
            InvalidConfig: nobody can have it.
        """
        with self.store.changes():
            # Snapshots hold no names: they stay valid, the version stays.
            rename_person(self.store, name, checked_name(new_name))

    @property
    def calibration_json(self) -> str:
        """What `index.calibration` measured for this embedder; "" before `train`."""
        return self.store.meta("calibration")

    def set_calibration(self, calibration_json: str) -> None:
        """Store the calibration that thresholds are derived from.

        Raises:
            EmbedderMismatch: another process embedded the gallery again.
        """
        with self.store.changes():
            check_unchanged(self.store, self.fingerprint)
            self.store.set_meta("calibration", calibration_json)
            self.store.record("calibrate", None, "")

    @property
    def version(self) -> int:
        """Counts the changes to people and embeddings."""
        with self._own_vectors():
            return int(self.store.meta("version"))

    @property
    def last_erasure(self) -> int:
        """The version that the latest removal made; 0 when there was none."""
        return int(self.store.meta("last_erasure") or 0)

    @property
    def size(self) -> int:
        """How many people are enrolled."""
        return int(self.store.read("SELECT COUNT(*) FROM people")[0][0])

    def photo_counts(self, person_ids: Sequence[int]) -> dict[tuple[int, bool], int]:
        """How many photos each template of these people is the mean of.

        The key is a person's number and whether it is for masked faces.
        """
        query = """SELECT masked, COUNT(*) FROM template_rows WHERE person_id = ?
            GROUP BY masked"""
        return {
            (person_id, bool(masked)): int(count)
            for person_id in dict.fromkeys(person_ids)
            for masked, count in self.store.read(query, (person_id,))
        }

    def names(self, person_ids: Sequence[int]) -> dict[int, str]:
        """Names of those of the given people who are (still) enrolled."""
        query = "SELECT id, name FROM people WHERE id = ?"
        return dict(row for i in person_ids for row in self.store.read(query, (i,)))

    def templates(self, kind: str = ALL) -> Templates:
        """What faces are compared with: of each person for unmasked and for masked
        ones.

        Args:
            kind: ALL, UNMASKED or MASKED, of index.engines.neighbours.
        """
        with self._own_vectors():
            return read_templates(self.store, self.cohort).of_kind(kind)

    def changes_since(self, version: int) -> TemplateChanges:
        """Templates of people who are new or changed, and who is gone."""
        with self._own_vectors():
            return read_changes(self.store, version, self.cohort)

    def change_count(self, version: int) -> int:
        """How many people were enrolled, changed or removed after a version."""
        query = """SELECT (SELECT COUNT(*) FROM people WHERE changed > ?)
            + (SELECT COUNT(*) FROM removed WHERE version > ?)"""
        return int(self.store.read(query, (version, version))[0][0])

    def sample(self, masked: bool) -> EmbeddedFaces:
        """See `read_sample`."""
        with self._own_vectors():
            return read_sample(self.store, masked, self.cohort)

    def person_template(self, person_id: int, masked: bool) -> Float32:
        """(D,) one of a person's templates, that for unmasked or that for masked faces.

        Raises:
            MissingInput: the person was removed, or has no such template.
        """
        with self._own_vectors():
            return read_person_template(self.store, person_id, masked)

    def nearest_photo(self, person_id: int, query: Float32) -> GalleryPhoto:
        """The person's stored photo nearest to a (D,) query embedding."""
        with self._own_vectors():
            return read_nearest_photo(self.store, person_id, query, self.cohort)

    def nearest_numbers(
        self, person_ids: Sequence[int], query: Float32
    ) -> tuple[int, ...]:
        """See `read_nearest_numbers`."""
        with self._own_vectors():
            return read_nearest_numbers(self.store, person_ids, query, self.cohort)

    def photos(self, name: str) -> list[PersonPhoto]:
        """The photos of a person, in the order in which they were enrolled.

        Raises:
            MissingInput: nobody has that name.
        """
        with self._own_vectors():
            return read_person_photos(self.store, name, self.cohort)

    def chips(self, name: str) -> list[Image]:
        """The chips of a person's photos, in the order of `photos`.

        Raises:
            MissingInput: nobody has that name.
            BadRecord: one is damaged.
        """
        with self.store.snapshot():
            return read_person_chips(self.store, name)

    def chip_file(self, name: str, number: int) -> bytes:
        """The JPEG of the chip of one of a person's photos, by its number.

        Raises:
            MissingInput: nobody has that name, or there is no such photo.
            BadRecord: it is damaged.
        """
        with self.store.snapshot():
            return read_chip_file(self.store, name, number)

    def audit(self) -> list[AuditEntry]:
        """All changes, the oldest first."""
        query = "SELECT time, actor, action, person_id, detail FROM audit ORDER BY id"
        return [AuditEntry(*row) for row in self.store.read(query)]

    def people(self) -> list[Person]:
        """Everybody, by name."""
        query = """SELECT people.id, name, people.created, COUNT(photos.id), consent,
            retain_until FROM people LEFT JOIN photos ON person_id = people.id
            GROUP BY people.id ORDER BY name"""
        return [Person(*row) for row in self.store.read(query)]

    def owners(self, sha256s: Collection[str]) -> set[int]:
        """Numbers of the people who have one of these photos."""
        wanted = frozenset(sha256s)
        rows = self.store.read("SELECT person_id, sha256 FROM photos")
        return {person_id for person_id, sha256 in rows if sha256 in wanted}

    def expired(self, today: date) -> list[str]:
        """Names of those who were to be kept until a day before `today`."""
        query = """SELECT name FROM people WHERE retain_until <> ''
            AND retain_until < ? ORDER BY name"""
        return [row[0] for row in self.store.read(query, (today.isoformat(),))]

    def export(self, path: Path) -> int:
        """Write all embeddings with names as .npz; returns of how many photos.

        Raises:
            InvalidConfig: `path` does not end in .npz.
            EmbedderMismatch: another process embedded the gallery again.
            ToolkitError: it cannot be written.
        """
        with self._own_vectors():
            return export_embeddings(self.store, path, self.cohort)

    @contextmanager
    def _own_vectors(self) -> Iterator[None]:
        """Reads of the block see one state, with this embedder's vectors.

        Another process may embed the gallery again while this one has it open.
        """
        with self.store.snapshot():
            check_unchanged(self.store, self.fingerprint)
            yield
