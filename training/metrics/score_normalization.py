"""AS-norm: distances that mean the same for every face, by scores against a cohort.

Some faces lie near to everybody, blurred ones, average ones, those under a large
mask; others are far from all. One threshold accepts too many impostors of the first
and too few photos of the second. So a face x is compared with a cohort once, average
faces of people whom nobody looks for, and its cohort score

    a(x) = mean of the squared distances to the 10 nearest of the cohort

says how near impostors come to it. Distances are then

    d(x, y)^2 = |x - y|^2 + o(x) + o(y),   o(x) = (mean score - a(x)) / 2,

the plain distance where both faces have the mean cohort score. A face below it pays
not half of the difference but all of it: it is of people whom the network hardly tells
apart, and their impostors come nearer than half would tell. Of two photos alike, far
from the cohort, even less than nothing is left: squares are signed and never cut, as a
cut would make ties of them, and a distance is the root with the sign of its square.

On 1,201 held-out people TAR at FAR 1e-3 rose from .75 to .77 for masked faces and
masked references, from .69 to .73 for two masked faces, and the fraction of masked
faces of a gallery of 750 that are named rightly at FPIR 1% from .27 to .40. That all of
it counts below the mean takes FPIR among 90 Asian celebrities, at the thresholds of
LFW, from .37 to .04 and costs LFW's people nothing.

Source: adaptive symmetric score normalisation (AS-norm) of speaker verification (Kenny,
"Bayesian speaker verification with heavy-tailed priors", Odyssey 2010; Matejka et al.,
"Analysis of score normalization in multilingual speaker recognition", Interspeech
2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32

Indices = NDArray[np.int32]

Float64 = NDArray[np.float64]

# How many of the cohort a score is the mean of; 5 to 20 do equally well.
NEAREST = 10
# People in training, on average, whose mean a member of a cohort is, and the fewest.
_PEOPLE_EACH, _FEWEST_EACH = 6, 3
# Of a collection: three times as many as are looked at.
_LEAST_MEMBERS, _MOST_DRAWS = 3 * NEAREST, 5
# With 600 people half of the gain is gone, with 300 all of it.
LEAST_PEOPLE = 1200
# Every face is compared with all of a cohort.
MOST_PEOPLE = 6000
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Cohort:
    """Faces that others are compared with, each the mean of several people.

    Attributes:
        members: (K, D) float32, K > NEAREST; their numbers fit into float16, so that
            a cohort is the same wherever it is kept.
        mean_score: mean cohort score of photos of the people that the members are
            averages of; above 0. A constant, so that distances are about as large as
            plain ones.
    """

    members: Float32
    mean_score: float

    def __post_init__(self) -> None:
        shape = self.members.shape
        if len(shape) != 2 or shape[0] <= NEAREST:
            raise ValueError(f"a cohort has more than {NEAREST} rows, got {shape}")
        if not np.isfinite(self.members).all() or not 0 < self.mean_score < np.inf:
            raise ValueError("a cohort's numbers are finite, its mean score above 0")

    @classmethod
    def of(cls, members: NDArray[np.floating[Any]], mean_score: float) -> Cohort:
        """The cohort of some faces, rounded to float16."""
        return cls(members.astype(np.float16).astype(np.float32), float(mean_score))

    def with_collection(self, people: Float32, seed: int) -> Cohort:
        """The cohort with members of one more collection; its mean score stays.

        Args:
            people: (P, D) mean embeddings of its people, a few more than _FEWEST_EACH.
        """
        members = np.concatenate([self.members, _members(people, seed)])
        return Cohort.of(members, self.mean_score)

    def scores(self, embeddings: Float32) -> Float64:
        """(N, D) to (N,), see a(x) above; NaN where a row is."""
        found = np.empty(len(embeddings))
        for start in range(0, len(embeddings), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            found[block] = _nearest_mean(_squares(embeddings[block], self.members))
        return found

    def offsets(self, embeddings: Float32) -> Float64:
        """(N, D) to (N,), see o(x) above; NaN where a row is."""
        below = self.mean_score - self.scores(embeddings)
        return np.maximum(below / 2, below)


def cohort_of(
    people: Float32,
    seed: int,
    collections: Sequence[str] | None = None,
    faces: Float32 | None = None,
) -> Cohort | None:
    """A cohort from the mean embeddings of people; None for fewer than LEAST_PEOPLE.

    People who look alike are averaged: nobody's own embedding is kept.

    Args:
        people: (P, D) float32, at most MOST_PEOPLE.
        seed: of k-means.
        collections: (P,) where each comes from; None is one place. A small collection
            of people whom the network confuses, as those of another continent, gets
            members of its own, enough for all the NEAREST of such a face to be alike:
            among all people theirs would be too few.
        faces: (F, D) of single photos, whose mean score is taken: means of photos lie
            nearer to everything. None = the people.
    """
    if len(people) < LEAST_PEOPLE:
        return None
    places = np.array(collections if collections else [""] * len(people))
    parts = [_members(people[places == place], seed) for place in np.unique(places)]
    members = np.concatenate(parts)
    if len(members) <= NEAREST:
        return None
    scores = Cohort.of(members, 1.0).scores(people if faces is None else faces)
    return Cohort.of(members, round(float(scores.mean()), 4))


def _members(people: Float32, seed: int) -> Float32:
    """(K, D) means of people who look alike, drawn several times of few people."""
    from sklearn.cluster import KMeans

    parts: list[Float32] = [np.empty((0, people.shape[1]), np.float32)]
    count = max(1, len(people) // _PEOPLE_EACH)
    for draw in range(_MOST_DRAWS):
        clusters = KMeans(count, n_init=1, random_state=seed + draw)
        large = np.bincount(clusters.fit_predict(people)) >= _FEWEST_EACH
        parts.append(clusters.cluster_centers_[large].astype(np.float32))
        if sum(map(len, parts)) >= _LEAST_MEMBERS:
            break
    return np.concatenate(parts)


def cohort_arrays(cohort: Cohort | None, dimension: int) -> dict[str, NDArray[Any]]:
    """What a file of embeddings holds of it: cohort (K, D), cohort_usual.

    The latter is its mean score. Without a cohort K = 0 and it is 0.
    """
    none = np.empty((0, dimension), dtype=np.float32)
    return {
        "cohort": cohort.members if cohort else none,
        "cohort_usual": np.array(cohort.mean_score if cohort else 0.0),
    }


def offsets_of(embeddings: Float32, cohort: Cohort | None) -> Float64:
    """(N, D) to (N,) of `Cohort.offsets`; 0 without a cohort."""
    if cohort is None:
        return np.zeros(len(embeddings))
    return cohort.offsets(embeddings)


def distances(rows: Float32, columns: Float32, cohort: Cohort | None) -> Float32:
    """(N, D) and (M, D) to (N, M) float32; infinite where a row is NaN."""
    return _signed_roots(squared_distances(rows, columns, cohort))


def squared_distances(
    rows: Float32, columns: Float32, cohort: Cohort | None
) -> Float64:
    """`distances`, squared with their sign."""
    added = (offsets_of(part, cohort) for part in (rows, columns))
    return offset_squares(rows, columns, *added)


def offset_distances(
    rows: Float32, columns: Float32, row_offsets: Float64, column_offsets: Float64
) -> Float32:
    """`distances` where the offsets are known."""
    return _signed_roots(offset_squares(rows, columns, row_offsets, column_offsets))


def offset_squares(
    rows: Float32, columns: Float32, row_offsets: Float64, column_offsets: Float64
) -> Float64:
    """`squared_distances` where the offsets are known."""
    squares = _squares(rows, columns) + row_offsets[:, None]
    return _far_where_lost(squares + column_offsets[None, :])


def paired_distances(rows: Float32, others: Float32, offsets: Float64) -> Float32:
    """(N, D) and (N, D) to (N,) float32, row by row; infinite where a row is NaN.

    Args:
        offsets: (N,) sum of those of both.
    """
    return _signed_roots(paired_squares(rows, others, offsets))


def paired_squares(rows: Float32, others: Float32, offsets: Float64) -> Float64:
    """`paired_distances`, squared with their sign."""
    apart = rows.astype(np.float64) - others
    return _far_where_lost(np.einsum("ij,ij->i", apart, apart) + offsets)


def _squares(rows: Float32, columns: Float32) -> Float64:
    # |a - b|^2 = |a|^2 + |b|^2 - 2ab cancels for close pairs: float64 keeps seven
    # digits of the distance where float32 keeps three.
    left, right = rows.astype(np.float64), columns.astype(np.float64)
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    squares -= 2 * left @ right.T
    return np.asarray(squares)


def _signed_roots(squares: Float64) -> Float32:
    return np.asarray(np.copysign(np.sqrt(np.abs(squares)), squares), dtype=np.float32)


def _far_where_lost(squares: Float64) -> Float64:
    squares[~np.isfinite(squares)] = np.inf
    return squares


def _nearest_mean(squares: Float64) -> Float64:
    nearest = np.partition(squares, NEAREST - 1, axis=1)[:, :NEAREST]
    return np.asarray(nearest.mean(axis=1))


@dataclass(frozen=True, eq=False)
class EmbeddedFaces:
    """Faces to compare, one row each.

    Attributes:
        embeddings: (N, D) float32; NaN in the rows of faces not acquired.
        people: (N,) int32, number of the person.
        photos: (N,) int32, number of the photograph. A rendered copy has the
            number of its original, and the two are never compared.
        cohort: that of the embedder; None = plain Euclidean distances.
    """

    embeddings: Float32
    people: Indices
    photos: Indices
    cohort: Cohort | None = None

    @property
    def acquired(self) -> NDArray[np.bool_]:
        """(N,) bool: the face has an embedding."""
        return np.asarray(np.isfinite(self.embeddings).all(axis=1))

    @cached_property
    def offsets(self) -> Float64:
        """(N,) what each face adds to squared distances, see `cohort`."""
        return offsets_of(self.embeddings, self.cohort)

    @staticmethod
    def joined(parts: Sequence[EmbeddedFaces]) -> EmbeddedFaces:
        """The faces of several groups by one embedder, one after the other."""
        return EmbeddedFaces(
            np.concatenate([part.embeddings for part in parts]),
            np.concatenate([part.people for part in parts]),
            np.concatenate([part.photos for part in parts]),
            parts[0].cohort,
        )

    def __getitem__(self, chosen: NDArray[np.bool_]) -> EmbeddedFaces:
        return replace(
            self,
            embeddings=self.embeddings[chosen],
            people=self.people[chosen],
            photos=self.photos[chosen],
        )
