"""The embedders of an evaluation side by side: their names and their faces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.datasets.embed_views import EmbeddedViews
from masking.errors import InvalidConfig
from masking.landmarks import Float32
from training.embedders.protocol import Embedder
from training.metrics.pairs import EmbeddedFaces, Indices

COVERED = "covered"
METRICS = ("euclidean", "cosine")


@dataclass(frozen=True, eq=False)
class Compared:
    """One column of the report.

    Attributes:
        name: different from all others.
        fingerprint: of the embedder; of both with "+" between them when masked
            and unmasked faces have different ones.
        faces: all views of the collection.
        references: what masked faces are compared with; None = `faces`.
    """

    name: str
    fingerprint: str
    faces: EmbeddedFaces
    references: EmbeddedFaces | None = None


def distinct_embedders(embedders: Sequence[Embedder]) -> list[Embedder]:
    """The embedders, each once.

    Raises:
        InvalidConfig: none at all, or one of an unknown metric.
    """
    kept = list({embedder.fingerprint: embedder for embedder in embedders}.values())
    if not kept:
        raise InvalidConfig("no embedder, expected at least one.")
    for embedder in kept:
        if embedder.metric not in METRICS:
            raise InvalidConfig(
                f"embedder {embedder.name} compares by {embedder.metric!r}, expected "
                f"one of {', '.join(METRICS)}."
            )
    return kept


def compared_embedders(
    embedders: Sequence[Embedder],
    embedded: EmbeddedViews,
    people: Indices,
    mixed: bool,
    covered: bool,
    cohorts: bool = True,
) -> list[Compared]:
    """The faces by each embedder.

    Args:
        people: (N,) person of each photograph.
        covered: after each embedder also masked faces beside covered ones.
        mixed: after each embedder but the first also masked faces by it and
            unmasked faces by the first, by plain distances, as other programs compare.
        cohorts: compare as the embedders' cohorts ask for; or by plain distances.

    Raises:
        InvalidConfig: mixed embedders of another dimension or metric.
    """
    counts = Counter(embedder.name for embedder in embedders)
    compared: list[Compared] = []
    for number, embedder in enumerate(embedders):
        name, fingerprint = embedder.name, embedder.fingerprint
        if counts[name] > 1:
            name = f"{name}-{fingerprint[:8]}"
        cohort = embedder.cohort if cohorts else None
        faces = embedded.faces(number, people, cohort)
        rows = _comparable(faces.embeddings, embedder.metric)
        one = Compared(name, fingerprint, replace(faces, embeddings=rows))
        compared.append(one)
        if covered:
            under = embedded.covered_faces(number, people, cohort)
            rows = _comparable(under.embeddings, embedder.metric)
            references = replace(under, embeddings=rows)
            compared.append(
                replace(one, name=f"{name}, {COVERED}", references=references)
            )
        if mixed and number:
            _check_mixed(embedders[0], embedder)
            compared.append(_mixed(one, compared[0], embedded))
    return compared


def _mixed(one: Compared, first: Compared, embedded: EmbeddedViews) -> Compared:
    """Masked faces by `one`, unmasked faces by `first`."""
    masked = embedded.masked[:, None]
    rows = np.where(masked, one.faces.embeddings, first.faces.embeddings)
    return Compared(
        f"{one.name} on {first.name}",
        f"{one.fingerprint}+{first.fingerprint}",
        replace(one.faces, embeddings=rows, cohort=None),
    )


def _comparable(rows: Float32, metric: str) -> Float32:
    """Rows whose Euclidean distances rank as the metric does.

    Of unit vectors, the squared distance is 2 - 2 cosine.
    """
    if metric == "euclidean":
        return rows
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _check_mixed(first: Embedder, embedder: Embedder) -> None:
    if (first.dimension, first.metric) != (embedder.dimension, embedder.metric):
        raise InvalidConfig(
            f"mixed: {embedder.name} ({embedder.dimension} numbers, "
            f"{embedder.metric}) cannot be compared with {first.name} "
            f"({first.dimension}, {first.metric}). Leave --mixed out."
        )
