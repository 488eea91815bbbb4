"""Views to embeddings, batch by batch, for several embedders at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from index.datasets.views import View
from masking.datasets.labels import NO_MASK
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32
from training.embedders.embedded_face import embed_both, network_input
from training.embedders.protocol import Embedder
from training.metrics.pairs import EmbeddedFaces, Indices
from training.metrics.score_normalization import Cohort


@dataclass(frozen=True, eq=False)
class EmbeddedViews:
    """The embeddings of all views by all embedders.

    Attributes:
        photos: (V,) int32, number of the photograph of each view.
        masks: (V,) kind of mask, NO_MASK without one.
        detectors: (V,) stage that found the face, "" when not acquired.
        failures: (V,) why a face was not acquired; "" when it was.
        embeddings: one (V, D) float32 per embedder, NaN rows when not acquired.
        masked_references: likewise what masked faces are compared with: of unmasked
            faces see `training.embedders.embedded_face`, of masked ones the
            embeddings themselves.
        unread: numbers of the photographs that could not be read.
        sha256s: of the files of the others.
    """

    photos: Indices
    masks: tuple[str, ...]
    detectors: tuple[str, ...]
    failures: tuple[str, ...]
    embeddings: tuple[Float32, ...]
    masked_references: tuple[Float32, ...]
    unread: frozenset[int] = frozenset()
    sha256s: frozenset[str] = frozenset()

    @property
    def masked(self) -> NDArray[np.bool_]:
        """(V,) bool: the view shows a mask."""
        return np.array([mask != NO_MASK for mask in self.masks], dtype=bool)

    def unread_reasons(self) -> list[str]:
        """Why each of `unread` could not be read, in their order."""
        reasons = dict(zip(self.photos.tolist(), self.failures, strict=True))
        return [reasons[number] for number in sorted(self.unread)]

    def faces(
        self, embedder: int, people: Indices, cohort: Cohort | None
    ) -> EmbeddedFaces:
        """All views by one embedder.

        Args:
            people: (photos,) the person of each photograph.
            cohort: the embedder's.
        """
        rows = self.embeddings[embedder]
        return EmbeddedFaces(rows, people[self.photos], self.photos, cohort)

    def reference_faces(
        self, embedder: int, people: Indices, cohort: Cohort | None
    ) -> EmbeddedFaces:
        """`faces`, as masked ones are compared with them."""
        rows = self.masked_references[embedder]
        return EmbeddedFaces(rows, people[self.photos], self.photos, cohort)


def geometries_of(embedders: Sequence[Embedder]) -> tuple[ChipGeometry, ...]:
    """The different chips that the embedders read, each once."""
    return tuple(dict.fromkeys(embedder.geometry for embedder in embedders))


def embed_views(
    views: Iterable[View], embedders: Sequence[Embedder], batch_size: int
) -> EmbeddedViews:
    """Embed views whose chips are those of `geometries_of(embedders)`.

    Chips are dropped batch by batch; millions of views need only their vectors.
    """
    stream = iter(views)
    photos: list[int] = []
    masks: list[str] = []
    detectors: list[str] = []
    failures: list[str] = []
    unread: set[int] = set()
    sha256s: set[str] = set()
    parts: list[list[Float32]] = [[] for _ in embedders]
    references: list[list[Float32]] = [[] for _ in embedders]
    while batch := list(islice(stream, batch_size)):
        for number, embedder in enumerate(embedders):
            chosen = geometries_of(embedders).index(embedder.geometry)
            rows, under = _embed_batch(batch, embedder, chosen)
            parts[number].append(rows)
            references[number].append(under)
        photos += [view.photo for view in batch]
        masks += [view.mask for view in batch]
        detectors += [view.face.box.detector for view in batch]
        failures += [view.face.failure for view in batch]
        sha256s |= {view.face.sha256 for view in batch if not view.face.unread}
        unread |= {view.photo for view in batch if view.face.unread}
    empty = [np.empty((0, embedder.dimension), np.float32) for embedder in embedders]
    return EmbeddedViews(
        np.array(photos, dtype=np.int32),
        tuple(masks),
        tuple(detectors),
        tuple(failures),
        tuple(
            np.concatenate([first, *rows])
            for first, rows in zip(empty, parts, strict=True)
        ),
        tuple(
            np.concatenate([first, *rows])
            for first, rows in zip(empty, references, strict=True)
        ),
        frozenset(unread),
        frozenset(sha256s),
    )


def _embed_batch(
    batch: list[View], embedder: Embedder, chosen: int
) -> tuple[Float32, Float32]:
    """(B, D) float32 embeddings and masked references; NaN rows without a face."""
    rows = np.full((len(batch), embedder.dimension), np.nan, dtype=np.float32)
    under = rows.copy()
    acquired = [number for number, view in enumerate(batch) if view.face.crops]
    if not acquired:
        return rows, under
    chips = network_input([batch[number].face.crops[chosen] for number in acquired])
    unmasked = np.array([not batch[number].masked for number in acquired])
    embeddings, references = embed_both(embedder, chips, unmasked)
    rows[acquired] = under[acquired] = embeddings
    for number, vector in zip(acquired, references, strict=True):
        if vector is not None:
            under[number] = vector
    return rows, under
