"""Embeds photographs once and keeps the numbers, so that a benchmark reruns quickly.

What is kept holds no picture: embeddings, detectors, and the boxes that
`index.datasets.embed_views` keeps.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.datasets.embed_views import (
    EmbeddedViews,
    RememberingFinders,
    embed_views,
    finder_identity,
    geometries_of,
)
from index.datasets.views import MaskRenderer, ViewPlan, all_views
from masking.datasets.collections import LabelledPhoto
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import default_finder
from masking.files.model_files import sha256_of_file
from masking.files.writing import write_bytes
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import Embedder, mask_identity
from training.embedders.mask_classifier import MODEL_FILE, MaskState, mask_states
from training.metrics.score_normalization import Cohort

_BATCH = 64
# Photographs whose numbers are kept together: an interrupted run loses no more.
_PIECE = 250


@dataclass(frozen=True)
class EmbeddingStore:
    """Where embeddings are kept, and with how many processes faces are found."""

    folder: Path
    workers: int = 0

    def embedded(
        self,
        photos: Sequence[LabelledPhoto],
        embedders: Sequence[Embedder],
        renderer: MaskRenderer | None = None,
    ) -> EmbeddedViews:
        """All views of the photographs, see `index.datasets.views.all_views`.

        Args:
            photos: as they are, and with a synthetic mask each if there is a renderer;
                the face is found again under the mask.
        """
        pieces = [photos[i : i + _PIECE] for i in range(0, len(photos), _PIECE)]
        shown = tqdm(pieces, "embed", unit="piece", disable=None)
        return _joined([self._piece(piece, embedders, renderer) for piece in shown])

    def _piece(
        self,
        photos: Sequence[LabelledPhoto],
        embedders: Sequence[Embedder],
        renderer: MaskRenderer | None,
    ) -> EmbeddedViews:
        paths = [self._path(photos, embedder, renderer) for embedder in embedders]
        missing = [
            embedder
            for embedder, path in zip(embedders, paths, strict=True)
            if not path.is_file()
        ]
        if missing:
            plan = ViewPlan(geometries_of(missing), renderer=renderer)
            finders = RememberingFinders(default_finder, self.folder / "found-faces")
            views = all_views(photos, plan, self.workers, finders)
            fresh = embed_views(views, missing, _BATCH)
            for number, embedder in enumerate(missing):
                _write(self._path(photos, embedder, renderer), fresh, number)
        return _read(paths)

    def _path(
        self,
        photos: Sequence[LabelledPhoto],
        embedder: Embedder,
        renderer: MaskRenderer | None,
    ) -> Path:
        key = [
            finder_identity(default_finder),
            repr(renderer),
            embedder.fingerprint,
            mask_identity(),
            *(f"{photo.path.resolve()} {photo.mask}" for photo in photos),
        ]
        name = sha256(json.dumps(key).encode()).hexdigest()
        return self.folder / "embeddings" / f"{name}.npz"


def _write(path: Path, views: EmbeddedViews, number: int) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        photos=views.photos,
        masks=np.array(views.masks, dtype=np.str_),
        detectors=np.array(views.detectors, dtype=np.str_),
        failures=np.array(views.failures, np.str_),
        rows=views.embeddings[number],
        covered=views.masked_references[number],
    )
    write_bytes(path, buffer.getvalue())


def _read(paths: Sequence[Path]) -> EmbeddedViews:
    files = [np.load(path, allow_pickle=False) for path in paths]
    first = files[0]
    return EmbeddedViews(
        first["photos"],
        tuple(first["masks"].tolist()),
        tuple(first["detectors"].tolist()),
        tuple(first["failures"].tolist()),
        tuple(file["rows"] for file in files),
        tuple(file["covered"] for file in files),
    )


def _joined(pieces: Sequence[EmbeddedViews]) -> EmbeddedViews:
    starts = range(0, len(pieces) * _PIECE, _PIECE)
    numbers = [
        piece.photos + np.int32(start)
        for piece, start in zip(pieces, starts, strict=True)
    ]
    return EmbeddedViews(
        np.concatenate(numbers).astype(np.int32),
        tuple(mask for piece in pieces for mask in piece.masks),
        tuple(detector for piece in pieces for detector in piece.detectors),
        tuple(failure for piece in pieces for failure in piece.failures),
        tuple(
            np.concatenate(rows)
            for rows in zip(*(piece.embeddings for piece in pieces), strict=True)
        ),
        tuple(
            np.concatenate(rows)
            for rows in zip(*(piece.masked_references for piece in pieces), strict=True)
        ),
    )


class MaskStateRows:
    """An `Embedder` whose rows are (masked, nose_out) of each chip."""

    name = "mask state"
    dimension = 2
    metric = "euclidean"
    cohort: Cohort | None = None
    geometry = ChipGeometry()

    def __init__(self) -> None:
        self.fingerprint = sha256_of_file(MODEL_FILE)

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 to (N, 2) float32."""
        states = mask_states(chips, self.geometry)
        rows = [(state.masked, state.nose_out) for state in states]
        return np.array(rows, dtype=np.float32).reshape(-1, 2)


def states_of(rows: Float32) -> list[MaskState]:
    """The reverse of `MaskStateRows.embed`."""
    return [MaskState(float(masked), float(nose_out)) for masked, nose_out in rows]
