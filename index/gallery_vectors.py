"""What a gallery's stored embeddings are read for: templates, best photos, export."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from index.gallery_rows import GalleryPhoto, vectors_from
from index.gallery_store import GalleryStore
from index.templates import Int64, Templates, mean_rows
from masking.errors import InvalidConfig, MissingInput, ToolkitError
from masking.image_files import decode_rgb
from masking.landmarks import Float32

_ROWS_AT_ONCE = 10_000


def read_templates(store: GalleryStore) -> Templates:
    """One template a person: the mean of the embeddings of their photos.

    To be called in a snapshot: it reads several times.
    """
    dimension = int(store.meta("dimension"))
    rows = store.read("SELECT DISTINCT person_id FROM photos ORDER BY person_id")
    person_ids = np.array([row[0] for row in rows], dtype=np.int64)
    return Templates(
        store.meta("gallery_id"),
        int(store.meta("version")),
        person_ids,
        mean_rows(person_ids, _embedding_parts(store, dimension), dimension),
    )


def read_nearest_photo(
    store: GalleryStore, person_id: int, query: Float32
) -> GalleryPhoto:
    """The person's stored photo nearest to a (D,) query embedding.

    Raises:
        MissingInput: the person was removed meanwhile.
    """
    rows = store.read(
        """SELECT photos.id, vector FROM photos JOIN embeddings ON photo_id = photos.id
        WHERE person_id = ? ORDER BY photos.id""",
        (person_id,),
    )
    if not rows:
        raise MissingInput(f"{store.path}: person {person_id} is no longer enrolled.")
    vectors = vectors_from([row[1] for row in rows], len(query), store.path)
    distances = np.linalg.norm(vectors - query, axis=1)
    best = int(distances.argmin())
    chips = store.read("SELECT chip, source FROM photos WHERE id = ?", (rows[best][0],))
    if not chips:
        raise MissingInput(f"{store.path}: person {person_id} is no longer enrolled.")
    chip, source = chips[0]
    pixels = decode_rgb(chip, f"{store.path}: photo {rows[best][0]}")
    return GalleryPhoto(pixels, source, float(distances[best]))


def export_embeddings(store: GalleryStore, path: Path) -> int:
    """Write names, embeddings and sources as an .npz that needs no pickle.

    Arrays, one row a photo: names, embeddings (N, D) float32, sha256, sources,
    masked; and the scalars fingerprint and metric. The file is private to its
    owner: it identifies people.

    Returns:
        N.

    Raises:
        InvalidConfig: `path` does not end in .npz.
    """
    if path.suffix != ".npz":
        raise InvalidConfig(f"{path}: a gallery is exported as .npz, name it so.")
    dimension = int(store.meta("dimension"))
    rows = store.read(
        """SELECT name, sha256, source, masked, vector FROM photos
        JOIN people ON people.id = person_id JOIN embeddings ON photo_id = photos.id
        ORDER BY name, photos.id"""
    )
    arrays = {
        "names": np.array([row[0] for row in rows], dtype=np.str_),
        "sha256": np.array([row[1] for row in rows], dtype=np.str_),
        "sources": np.array([row[2] for row in rows], dtype=np.str_),
        "masked": np.array([row[3] for row in rows], dtype=np.bool_),
        "embeddings": vectors_from([row[4] for row in rows], dimension, store.path),
        "fingerprint": np.array(store.meta("fingerprint")),
        "metric": np.array(store.meta("metric")),
    }
    with _written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return len(rows)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ToolkitError(
            f"{path}: cannot be written ({error.strerror or error}). Choose another "
            "place for the file, or make room."
        ) from error


def _embedding_parts(
    store: GalleryStore, dimension: int
) -> Iterator[tuple[Int64, Float32]]:
    query = "SELECT person_id, vector FROM photos JOIN embeddings ON photo_id = id"
    for rows in store.read_parts(query, _ROWS_AT_ONCE):
        owners = np.array([row[0] for row in rows], dtype=np.int64)
        yield owners, vectors_from([row[1] for row in rows], dimension, store.path)
