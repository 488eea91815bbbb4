"""Stored embeddings: what they are read for, and the embedder that made them.

Read for templates, changes since a version, the photo nearest to a face, and export.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.engines.annoy_index import METRIC
from index.engines.neighbours import (
    Int64,
    Templates,
    mean_rows,
    normalised,
    normalised_dimension,
    template_keys,
    with_offsets,
)
from index.gallery.storage.store import GalleryPhoto, GalleryStore, seal, sealed_vectors
from masking.datasets.images import decode_rgb
from masking.errors import (
    BadRecord,
    EmbedderMismatch,
    InvalidConfig,
    MissingInput,
    ToolkitError,
)
from masking.faces.alignment import ChipGeometry
from masking.files.writing import replaced_file
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import Embedder
from training.metrics.score_normalization import Cohort, cohort_arrays, distances

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, eq=False)
class TemplateChanges:
    """How the templates of a gallery differ from those of an older version.

    Attributes:
        templates: all templates of people who are new or whose photos changed; its
            version is the newer one.
        removed: (n,) int64, numbers of people who are gone, ascending.
    """

    templates: Templates
    removed: Int64


def read_templates(store: GalleryStore, cohort: Cohort | None) -> Templates:
    """One template a person and kind: the mean of their rows in `template_rows`.

    To be called in a snapshot: it reads several times.
    """
    return _templates_after(store, -1, cohort)


def read_changes(
    store: GalleryStore, version: int, cohort: Cohort | None
) -> TemplateChanges:
    """What happened after a version; to be called in a snapshot."""
    query = "SELECT person_id FROM removed WHERE version > ? ORDER BY person_id"
    removed = np.array([row[0] for row in store.read(query, (version,))], np.int64)
    return TemplateChanges(_templates_after(store, version, cohort), removed)


def _templates_after(
    store: GalleryStore, version: int, cohort: Cohort | None
) -> Templates:
    rows = store.read(
        """SELECT DISTINCT person_id, masked FROM people
        CROSS JOIN photos ON person_id = people.id WHERE changed > ?
        UNION SELECT person_id, 1 FROM people
        CROSS JOIN photos ON person_id = people.id
        CROSS JOIN masked_references ON photo_id = photos.id WHERE changed > ?
        ORDER BY person_id, masked""",
        (version, version),
    )
    person_ids = np.array([row[0] for row in rows], dtype=np.int64)
    masked = np.array([row[1] for row in rows], dtype=np.bool_)
    dimension = int(store.meta("dimension"))
    parts = (
        (keys, with_offsets(vectors, cohort))
        for keys, vectors in _embedding_parts(store, dimension, version)
    )
    keys = template_keys(person_ids, masked)
    means = mean_rows(keys, parts, normalised_dimension(dimension, cohort))
    return Templates(
        store.meta("gallery_id"),
        int(store.meta("version")),
        person_ids,
        masked,
        normalised(means, cohort),
    )


_PHOTOS = """SELECT person_id, sha256, masked, vector, embeddings.seal, photos.id
    FROM photos JOIN embeddings ON photo_id = photos.id
    WHERE person_id = ? ORDER BY photos.id"""


def read_nearest_numbers(
    store: GalleryStore,
    person_ids: Sequence[int],
    query: Float32,
    cohort: Cohort | None,
) -> tuple[int, ...]:
    """For each person, which of their photos is nearest to a (D,) query embedding.

    Returns:
        Numbers from 1, in the order of enrolment; 0 where the person was removed.
    """
    rows = [row for one in person_ids for row in store.read(_PHOTOS, (one,))]
    if not rows:
        return (0,) * len(person_ids)
    vectors = sealed_vectors(store, [row[:5] for row in rows], len(query))
    (away,) = distances(query[None], vectors, cohort)
    owners = np.array([row[0] for row in rows])
    return tuple(
        int(away[owners == one].argmin()) + 1 if one in owners else 0
        for one in person_ids
    )


def read_nearest_photo(
    store: GalleryStore, person_id: int, query: Float32, cohort: Cohort | None
) -> GalleryPhoto:
    """The person's stored photo nearest to a (D,) query embedding.

    Raises:
        MissingInput: the person was removed meanwhile.
    """
    rows = store.read(_PHOTOS, (person_id,))
    if not rows:
        raise MissingInput(f"{store.path}: person {person_id} is no longer enrolled.")
    vectors = sealed_vectors(store, [row[:5] for row in rows], len(query))
    (away,) = distances(query[None], vectors, cohort)
    best = int(away.argmin())
    pixels, source = read_chip(store, rows[best][5])
    return GalleryPhoto(pixels, source, float(away[best]))


def read_chip(store: GalleryStore, photo_id: int) -> tuple[Image, str]:
    """A stored photo's (S, S, 3) uint8 RGB chip, and where it came from.

    Raises:
        MissingInput: it was removed meanwhile.
        BadRecord: it is damaged.
    """
    chip, source = sound_chip(store, photo_id)
    return decode_rgb(chip, f"{store.path}: photo {photo_id}"), source


def sound_chip(store: GalleryStore, photo_id: int) -> tuple[bytes, str]:
    """`read_chip` as the bytes of a JPEG file."""
    query = "SELECT person_id, sha256, masked, chip, seal, source FROM photos"
    rows = store.read(f"{query} WHERE id = ?", (photo_id,))
    if not rows:
        raise MissingInput(f"{store.path}: photo {photo_id} is no longer enrolled.")
    person_id, sha256, masked, chip, kept, source = rows[0]
    if seal(person_id, sha256, masked, chip) != kept:
        raise BadRecord(
            f"{store.path}: the stored chip of {source} is damaged (its checksum "
            "differs). Put back a backup with: python cli.py gallery restore"
        )
    return chip, source


def read_person_template(store: GalleryStore, person_id: int, masked: bool) -> Float32:
    """(D,) one person's template for unmasked or for masked faces.

    Raises:
        MissingInput: the person was removed meanwhile.
    """
    rows = store.read(
        """SELECT person_id, sha256, worn, vector, seal FROM template_rows
        WHERE person_id = ? AND masked = ?""",
        (person_id, int(masked)),
    )
    if not rows:
        raise MissingInput(f"{store.path}: person {person_id} is no longer enrolled.")
    vectors = sealed_vectors(store, rows, int(store.meta("dimension")))
    return np.asarray(vectors.mean(axis=0, dtype=np.float64), dtype=np.float32)


def export_embeddings(store: GalleryStore, path: Path, cohort: Cohort | None) -> int:
    """Write names, embeddings and sources as an .npz that needs no pickle.

    Arrays, one row a photo: names, embeddings (N, D) float32, sha256, sources,
    masked, and masked_references (N, D) float32, what masked faces are compared
    with, NaN where there is none; cohort (K, D) and cohort_usual, see
    `training.metrics.score_normalization`, K = 0
    for plain distances; and the scalars fingerprint and metric. The file is private
    to its owner: it identifies people.

    Returns:
        N.

    Raises:
        InvalidConfig: `path` does not end in .npz.
        ToolkitError: it cannot be written.
    """
    if path.suffix != ".npz":
        raise InvalidConfig(f"{path}: a gallery is exported as .npz, name it so.")
    arrays = _exported(store, cohort)
    try:
        with replaced_file(path) as file:
            os.fchmod(file.fileno(), 0o600)
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise ToolkitError(
            f"{path}: cannot be written ({error.strerror or error}). Choose another "
            "place for the file, or make room."
        ) from error
    return len(arrays["names"])


def _exported(store: GalleryStore, cohort: Cohort | None) -> dict[str, NDArray[Any]]:
    dimension = int(store.meta("dimension"))
    rows = store.read(
        """SELECT person_id, sha256, masked, embeddings.vector, embeddings.seal,
        masked_references.vector, masked_references.seal, name, source FROM photos
        JOIN people ON people.id = person_id
        JOIN embeddings ON embeddings.photo_id = photos.id
        LEFT JOIN masked_references ON masked_references.photo_id = photos.id
        ORDER BY name, photos.id"""
    )
    references = np.full((len(rows), dimension), np.nan, dtype=np.float32)
    has_reference = np.array([row[5] is not None for row in rows], dtype=np.bool_)
    under = [(*row[:3], *row[5:7]) for row in rows if row[5] is not None]
    references[has_reference] = sealed_vectors(store, under, dimension)
    return {
        "names": np.array([row[7] for row in rows], dtype=np.str_),
        "sha256": np.array([row[1] for row in rows], dtype=np.str_),
        "sources": np.array([row[8] for row in rows], dtype=np.str_),
        "masked": np.array([row[2] for row in rows], dtype=np.bool_),
        "embeddings": sealed_vectors(store, [row[:5] for row in rows], dimension),
        "masked_references": references,
        **cohort_arrays(cohort, dimension),
        "fingerprint": np.array(store.meta("fingerprint")),
        "metric": np.array(store.meta("metric")),
    }


def _embedding_parts(
    store: GalleryStore, dimension: int, version: int
) -> Iterator[tuple[Int64, Float32]]:
    # CROSS: SQLite would go through all photos to find those of the few changed.
    query = """SELECT person_id, sha256, masked, vector, embeddings.seal, masked
        FROM people CROSS JOIN photos ON person_id = people.id
        CROSS JOIN embeddings ON photo_id = photos.id WHERE changed > ?
        UNION ALL SELECT person_id, sha256, masked, vector, masked_references.seal, 1
        FROM people CROSS JOIN photos ON person_id = people.id
        CROSS JOIN masked_references ON photo_id = photos.id WHERE changed > ?"""
    for rows in store.read_parts(query, _ROWS_AT_ONCE, (version, version)):
        owners = np.array([row[0] for row in rows], dtype=np.int64)
        masked = np.array([row[5] for row in rows], dtype=np.bool_)
        vectors = sealed_vectors(store, [row[:5] for row in rows], dimension)
        yield template_keys(owners, masked), vectors


def new_meta(embedder: Embedder) -> dict[str, str]:
    """The records of an empty gallery."""
    return {
        "gallery_id": uuid.uuid4().hex,
        "version": "0",
        **embedder_meta(embedder),
    }


def embedder_meta(embedder: Embedder) -> dict[str, str]:
    """The records that belong to the embedder.

    Raises:
        InvalidConfig: a metric that galleries do not compare by.
    """
    if embedder.metric != METRIC:
        raise InvalidConfig(
            f"a gallery compares by {METRIC} distance, the embedder "
            f"{embedder.name} by {embedder.metric}."
        )
    return {
        "fingerprint": embedder.fingerprint,
        "dimension": str(embedder.dimension),
        "metric": embedder.metric,
        "chip_geometry": json.dumps(asdict(embedder.geometry)),
        "cohort": _cohort_text(embedder.cohort),
    }


def _cohort_text(cohort: Cohort | None) -> str:
    if cohort is None:
        return ""
    members = base64.b64encode(cohort.members.astype("<f2").tobytes()).decode()
    return json.dumps({"usual": cohort.mean_score, "members": members})


def cohort_of_store(store: GalleryStore) -> Cohort | None:
    """The cohort of the gallery's embedder; None = plain distances.

    Raises:
        BadRecord: it is damaged.
    """
    text, dimension = store.meta("cohort"), int(store.meta("dimension"))
    if not text:
        return None
    try:
        record = json.loads(text)
        members = base64.b64decode(record["members"], validate=True)
        rows = np.frombuffer(members, "<f2").reshape(-1, dimension)
        return Cohort.of(rows, record["usual"])
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise BadRecord(
            f"{store.path}: the record of its embedder's cohort is damaged ({error}). "
            "Embed the stored photos again: python cli.py gallery rebuild --model MODEL"
        ) from error


def check_unchanged(store: GalleryStore, fingerprint: str) -> None:
    """Part of a change or snapshot: the vectors are still those of this embedder.

    Raises:
        EmbedderMismatch: another process embedded the gallery again.
    """
    found = store.meta("fingerprint")
    if found != fingerprint:
        raise EmbedderMismatch(
            f"{store.path}: was embedded again with embedder {found[:12]} while this "
            f"command used {fingerprint[:12]}. Start the command again with that model."
        )


def check_chips_fit(store: GalleryStore, embedder: Embedder) -> None:
    """Whether an embedder reads chips such as the gallery keeps.

    Raises:
        EmbedderMismatch: it reads another part of the face or another size.
        BadRecord: the gallery does not say what its chips show.
    """
    text = store.meta("chip_geometry")
    try:
        stored = ChipGeometry(**json.loads(text))
    except (ValueError, TypeError, InvalidConfig) as error:
        raise BadRecord(
            f"{store.path}: the record of its chips is damaged ({text!r}). Put back a "
            "copy of it, or move the folder away and enroll again."
        ) from error
    if stored != embedder.geometry:
        raise EmbedderMismatch(
            f"{store.path} keeps chips of {_shown(stored)}, but the embedder "
            f"{embedder.name} reads {_shown(embedder.geometry)}: move the gallery "
            "folder away and enroll again from the photographs."
        )


def _shown(geometry: ChipGeometry) -> str:
    return (
        f"{geometry.size_px} px (padding {geometry.padding:g}, aligned by the "
        f"{geometry.points} points)"
    )
