"""Person templates: one vector a person, the mean of their embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Templates:
    """What is searched.

    Attributes:
        gallery_id: the gallery that they were made from.
        version: that gallery's counter of changes at the time.
        person_ids: (P,) int64, ascending, read-only.
        matrix: (P, D) float32, one row a person, read-only.
    """

    gallery_id: str
    version: int
    person_ids: Int64
    matrix: Float32

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or len(self.matrix) != len(self.person_ids):
            raise ValueError(
                f"{len(self.person_ids)} people with templates {self.matrix.shape}"
            )
        self.person_ids.setflags(write=False)
        self.matrix.setflags(write=False)


def mean_rows(
    person_ids: Int64, parts: Iterable[tuple[Int64, Float32]], dimension: int
) -> Float32:
    """Mean embedding of each person.

    The mean beats the best single photo in open-set search, and one wrong photo
    among many moves it little.

    Args:
        person_ids: (P,) ascending; each has at least one row in `parts`.
        parts: the embeddings piece by piece, so that they need not fit in
            memory: (n,) owners and (n, D) rows.

    Returns:
        (P, D) float32.
    """
    sums = np.zeros((len(person_ids), dimension))
    counts = np.zeros(len(person_ids), dtype=np.int64)
    for owners, rows in parts:
        places = np.searchsorted(person_ids, owners)
        np.add.at(sums, places, rows)
        np.add.at(counts, places, 1)
    if (counts == 0).any():
        raise ValueError("a person has no embedding")
    return (sums / counts[:, None]).astype(np.float32)
