"""What the number of photos in a template does to distances.

The mean of several photos lies nearer to everybody than a single photo does: the
mean of k has 1/k of the variance of one. So impostors come nearer to people with many
photos, and one threshold for all would favour these. Distances are made comparable by

    d_1^2 = d_k^2 / (1 - spread * (1 - 1/k)),

which is exact for impostors and photos that are normally distributed alike in all
directions; spread is the fraction of one photo's variance in their squared distance. It
is measured on near impostors, where it matters.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import offset_distances

# Near impostors: the pairwise rate at which single photos and pairs are compared.
_FRACTION = 0.01
_FEWEST_PEOPLE = 10


def as_single(distances: Float32, photos: NDArray[np.int64], spread: float) -> Float32:
    """Distances to templates as if each were of one photo.

    Args:
        distances: (..., T) float32.
        photos: (T,) in each template, at least 1.
    """
    scale = np.sqrt(1 - spread * (1 - 1 / photos))
    return np.asarray(distances / scale, dtype=np.float32)


def single_distance(distance: float, photos: int, spread: float) -> float:
    """`as_single` of one distance."""
    return distance / math.sqrt(1 - spread * (1 - 1 / photos))


def limit_for(threshold: float, photos: int, spread: float) -> float:
    """The threshold for a template of so many photos, from that for one photo."""
    return threshold * math.sqrt(1 - spread * (1 - 1 / photos))


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
        away = offset_distances(probes.embeddings, matrix, probes.offsets, more)
        near.append(float(np.quantile(away[impostors], _FRACTION)))
    single = (near[0] ** 2 + near[1] ** 2) / 2
    # Half of it is gone with two photos. All of it never is.
    return min(max(0.0, 2 * (1 - near[2] ** 2 / single)), 0.9)
