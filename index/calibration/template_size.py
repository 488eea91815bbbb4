"""What the number of photos in a template does to distances.

The mean of several photos lies nearer to everybody than a single photo does: the
mean of k has 1/k of the variance of one. So impostors come nearer to people with many
photos, and one threshold for all would favour these. Squared distances are made
comparable by

    d_1^2 = d_k^2 / (1 - spread * (1 - 1/k)),

which is exact for impostors and photos that are normally distributed alike in all
directions; spread is the fraction of one photo's variance in their squared distance. It
is measured on near impostors, where it matters. What normalisation brought below 0
stays as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import Float64, offset_squares

Int64 = NDArray[np.int64]

# Near impostors: the pairwise rate at which single photos and pairs are compared.
_FRACTION = 0.01
_FEWEST_PEOPLE = 10


def as_single(squares: Float32, photos: NDArray[np.int64], spread: float) -> Float32:
    """Squared distances to templates as if each were of one photo.

    Args:
        squares: (..., T) float32.
        photos: (T,) in each template, at least 1.
    """
    grown = np.maximum(squares, 0) / _scale(photos, spread)
    return np.asarray(grown + np.minimum(squares, 0), dtype=np.float32)


def limits_for(
    threshold: float, photos: NDArray[np.int64] | int, spread: float
) -> Float64:
    """Thresholds for templates of so many photos, from that for one photo."""
    shrunk = max(threshold, 0.0) * _scale(photos, spread)
    return np.asarray(shrunk + min(threshold, 0.0))


def _scale(photos: NDArray[np.int64] | int, spread: float) -> Float64:
    return np.asarray(1 - spread * (1 - 1 / np.asarray(photos)))


def measured_spread(probes: EmbeddedFaces, templates: EmbeddedFaces) -> float | None:
    """The spread of `as_single`, from people with two photos; None if too few.

    Compares how near a hundredth of all impostors come to single photos and to the
    means of two of them.
    """
    people, firsts, seconds = [], [], []
    for person in np.unique(templates.people):
        rows = np.flatnonzero(templates.people == person)
        others = rows[templates.photos[rows] != templates.photos[rows[0]]]
        if len(others):
            people.append(person)
            firsts.append(rows[0])
            seconds.append(others[0])
    if len(people) < _FEWEST_PEOPLE:
        return None
    one, other = templates.embeddings[firsts], templates.embeddings[seconds]
    impostors = probes.people[:, None] != np.array(people)
    both = ((one + other) / 2).astype(np.float32)
    added = [templates.offsets[firsts], templates.offsets[seconds]]
    added.append((added[0] + added[1]) / 2)
    near = []
    for matrix, more in zip((one, other, both), added, strict=True):
        away = offset_squares(probes.embeddings, matrix, probes.offsets, more)
        near.append(float(np.quantile(away[impostors], _FRACTION)))
    single = (near[0] + near[1]) / 2
    if single <= 0:
        return None
    # Half of it is gone with two photos. All of it never is.
    return min(max(0.0, 2 * (1 - near[2] / single)), 0.9)
