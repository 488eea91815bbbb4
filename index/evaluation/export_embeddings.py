"""A folder of photographs to one file of embeddings, for anybody's own evaluation."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from index.datasets.embed_views import embed_views, geometries_of
from index.datasets.views import ViewPlan, all_views
from index.evaluation.config import EmbedConfig
from masking.datasets.collections import LabelledPhoto
from masking.datasets.images import list_images
from masking.errors import InvalidConfig
from masking.faces.finder import Finder, default_finder
from masking.files.writing import write_bytes
from masking.landmarks import Float32
from training.embedders.embedded_face import Embedder
from training.metrics.score_normalization import cohort_arrays


@dataclass(frozen=True)
class EmbedReport:
    """What `embed_folder` wrote.

    Attributes:
        found: photographs with an embedding.
        failures: relative path of each other photograph, and the reason.
        unread: those of `failures` that could not be read.
    """

    found: int
    failures: dict[str, str]
    unread: list[str]

    @property
    def exit_code(self) -> int:
        """2 when a picture could not be read, else 1 without any face, else 0."""
        return 2 if self.unread else 0 if self.found else 1


def embed_folder(
    folder: Path,
    out: Path,
    embedder: Embedder,
    config: EmbedConfig,
    make_finder: Callable[[], Finder] = default_finder,
) -> EmbedReport:
    """Embed the most prominent face of each photograph below `folder`.

    Writes an .npz that `np.load` reads without pickles: `paths` (N,) str,
    relative with "/", sorted; `embeddings` (N, D) float32, NaN where no face was
    found; `masked_references` (N, D), what to compare masked faces with (see
    `training.embedders.embedded_face`); `found` (N,) bool; `fingerprint` () str of
    the embedder.

    Raises:
        MissingInput: no such folder, or no image in it.
        InvalidConfig: `out` does not end in .npz.
    """
    if out.suffix != ".npz":
        raise InvalidConfig(f"{out}: embeddings are written as .npz, name it so.")
    # Hours of work are not lost to a folder that cannot be made.
    out.parent.mkdir(parents=True, exist_ok=True)
    photos = [
        LabelledPhoto(path, path.relative_to(folder).as_posix(), "")
        for path in list_images(folder)
    ]
    plan = ViewPlan(geometries_of([embedder]), config.on_no_face)
    views = all_views(photos, plan, config.workers, make_finder)
    shown = tqdm(views, total=len(photos), desc="embed", unit="photo", disable=None)
    embedded = embed_views(shown, [embedder], config.batch_size)
    found = np.array([not failure for failure in embedded.failures], dtype=bool)
    names = [photo.name for photo in photos]
    vectors = embedded.embeddings[0], embedded.masked_references[0]
    write_embeddings(out, names, vectors, found, embedder)
    failures = {
        photo.name: failure
        for photo, failure in zip(photos, embedded.failures, strict=True)
        if failure
    }
    unread = [photos[number].name for number in sorted(embedded.unread)]
    return EmbedReport(int(found.sum()), failures, unread)


def write_embeddings(
    out: Path,
    names: list[str],
    vectors: tuple[Float32, Float32],
    found: NDArray[np.bool_],
    embedder: Embedder,
) -> None:
    """Write N names, twice (N, D) vectors and (N,) found as one .npz file.

    Beside them the embedder's fingerprint, and cohort (K, D) and cohort_usual, which
    its distances ask for, see `training.metrics.score_normalization`; K = 0 for plain
    ones.
    """
    buffer = io.BytesIO()
    arrays: dict[str, NDArray[Any]] = {
        "paths": np.array(names),
        "embeddings": vectors[0],
        "masked_references": vectors[1],
        "found": found,
        "fingerprint": np.array(embedder.fingerprint),
        **cohort_arrays(embedder.cohort, embedder.dimension),
    }
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(out, buffer.getvalue())
