"""Person templates: mean embeddings, for unmasked and for masked faces apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32

Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Which templates are wanted.
ALL, UNMASKED, MASKED = "all", "unmasked", "masked"


@dataclass(frozen=True, eq=False)
class Templates:
    """What is searched: up to two rows a person, the one for unmasked faces first.

    A mask moves an embedding, so there is a template for unmasked faces, the mean of
    the unmasked photos, and one for masked faces: the mean of the masked photos and of
    the unmasked ones' masked references (`training.embedders.embedded_face`).

    Attributes:
        gallery_id: the gallery that they were made from.
        version: that gallery's counter of changes at the time.
        person_ids: (R,) int64, ascending, read-only; twice for a person with both.
        masked: (R,) bool, read-only: whether the row is for masked faces.
        matrix: (R, L) float32, read-only, as `normalised_vectors` makes them; L
            is D without a cohort.
    """

    gallery_id: str
    version: int
    person_ids: Int64
    masked: Bools
    matrix: Float32

    def __post_init__(self) -> None:
        rows = len(self.person_ids)
        if self.matrix.ndim != 2 or not len(self.matrix) == len(self.masked) == rows:
            raise ValueError(
                f"{rows} owners, {len(self.masked)} kinds, matrix {self.matrix.shape}"
            )
        for array in (self.person_ids, self.masked, self.matrix):
            array.setflags(write=False)

    def of_kind(self, kind: str) -> Templates:
        """The rows of ALL, UNMASKED or MASKED; a person may have none of a kind."""
        if kind == ALL:
            return self
        chosen = self.masked if kind == MASKED else ~self.masked
        return self.where(chosen)

    def where(self, chosen: Bools) -> Templates:
        """The rows for which `chosen`, (R,) bool, is true."""
        return Templates(
            self.gallery_id,
            self.version,
            self.person_ids[chosen],
            self.masked[chosen],
            self.matrix[chosen],
        )

    def rows_of(self, person_ids: Int64) -> Int64:
        """Numbers of all rows of these people, those of one person together."""
        first = np.searchsorted(self.person_ids, person_ids, side="left")
        last = np.searchsorted(self.person_ids, person_ids, side="right")
        pieces = [np.arange(*ends) for ends in zip(first, last, strict=True)]
        return np.concatenate([np.empty(0, np.int64), *pieces])


def template_keys(person_ids: Int64, masked: Bools) -> Int64:
    """One number a template, in the order in which `Templates` holds them."""
    return 2 * person_ids + masked


def mean_rows(
    keys: Int64, parts: Iterable[tuple[Int64, Float32]], dimension: int
) -> Float32:
    """Mean embedding of each template.

    The mean beats the best single photo in open-set search, and one wrong photo
    among many moves it little.

    Args:
        keys: (R,) `template_keys`, ascending; each has at least one row in `parts`.
        parts: the embeddings piece by piece, so that they need not fit in
            memory: (n,) keys and (n, D) rows.

    Returns:
        (R, D) float32.
    """
    sums = np.zeros((len(keys), dimension))
    counts = np.zeros(len(keys), dtype=np.int64)
    for owners, rows in parts:
        places = np.searchsorted(keys, owners)
        np.add.at(sums, places, rows)
        np.add.at(counts, places, 1)
    if (counts == 0).any():
        raise ValueError("a template has no embedding")
    return (sums / counts[:, None]).astype(np.float32)
