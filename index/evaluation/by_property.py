"""Where errors are lost: figures of the probes in each bin of a property."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.evaluation.conditions import BINS, UNKNOWN, Conditions, bin_names
from index.evaluation.protocol import Chosen, Pairing
from index.evaluation.set_figures import FARS, Chance, Rate, thresholds_of
from training.metrics.bootstrap import drawn_means
from training.metrics.identification import ranks
from training.metrics.pairs import Comparisons
from training.metrics.score_normalization import Indices

_AT = FARS.index(1e-3)
Bins = NDArray[np.str_]


@dataclass(frozen=True)
class BinFigures:
    """Figures of the faces in one bin; NaN where there are none.

    Attributes:
        name: of the bin.
        faces, failed: masked faces, and how many of them were not found.
        eye_error: median over them, of the distance between the eyes.
        uu, mu: genuine pairs accepted at the one threshold that lets .1% of all
            impostor pairs pass, U-U and M-U; a face that was not found is an error.
            People with such a face count alike. In mu the bin is that of the masked
            face, in uu of either.
        rank1: of the masked faces, each of which counts alike.
    """

    name: str
    faces: int
    failed: int
    eye_error: float
    uu: Rate
    mu: Rate
    rank1: Rate


def by_property(
    names: tuple[str, ...],
    pairing: Pairing,
    masked: Chosen,
    conditions: Conditions,
    identify: bool,
    chance: Chance,
) -> dict[str, list[BinFigures]]:
    """Some properties, each with its bins that hold a face.

    Args:
        masked: (V,) bool, the views with a mask.
        identify: whether there are ranks.
    """
    mixed, plain = pairing.between(masked, ~masked), pairing.within(~masked)
    pairs = [
        # The probe comes first; of two unmasked faces each is one.
        _Probes.of(plain.genuine, thresholds_of(plain)[_AT], 2),
        _Probes.of(mixed.genuine, thresholds_of(mixed)[_AT], 1),
    ]
    faces, errors = pairing.faces, np.array(conditions.eye_errors)
    tables: dict[str, list[BinFigures]] = {}
    for name in names:
        bins = np.array(conditions.bins[name])
        tables[name] = []
        for one in _present(name, bins[masked]):
            here = bins == one
            chosen = here & masked
            uu = pairs[0].rate(faces.photos[here & ~masked], chance)
            mu = pairs[1].rate(faces.photos[chosen], chance)
            rank1 = Rate(np.nan)
            if identify:
                rank1 = _rank1(pairing, chosen, masked, chance)
            known = errors[chosen & np.isfinite(errors)]
            error = float(np.median(known)) if len(known) else float("nan")
            failed = int((~faces.acquired[chosen]).sum())
            figures = BinFigures(one, int(chosen.sum()), failed, error, uu, mu, rank1)
            tables[name].append(figures)
    return tables


def _present(name: str, bins: Bins) -> list[str]:
    """The bins that hold a face, in their order; what is not known comes last."""
    found, edges = set(bins.tolist()), BINS[name][1]
    order = bin_names(edges) if edges else sorted(found - {UNKNOWN})
    return [one for one in (*order, UNKNOWN) if one in found]


@dataclass(frozen=True, eq=False)
class _Probes:
    """Genuine pairs by their probe: photograph, person, and whether accepted."""

    photos: Indices
    people: Indices
    accepted: Chosen

    @classmethod
    def of(cls, genuine: Comparisons, threshold: float, ends: int) -> _Probes:
        """The first `ends` faces of each pair are probes."""
        return cls(
            genuine.photos[:, :ends].ravel(),
            genuine.people[:, :ends].ravel(),
            np.repeat(genuine.distances <= threshold, ends),
        )

    def rate(self, photos: Indices, chance: Chance) -> Rate:
        """Fraction accepted of the pairs whose probe is one of these photographs."""
        chosen = np.isin(self.photos, photos)
        people, place = np.unique(self.people[chosen], return_inverse=True)
        if not len(people):
            return Rate(np.nan)
        own = np.bincount(place, self.accepted[chosen]) / np.bincount(place)
        draws = drawn_means(own, people, _rounds(people, chance), chance.rng())
        return Rate.drawn(float(own.mean()), draws)


def _rank1(pairing: Pairing, chosen: Chosen, masked: Chosen, chance: Chance) -> Rate:
    found = ranks(pairing.faces[chosen], pairing.references[~masked])
    first = (found.ranks <= 1).astype(np.float64)
    rounds = _rounds(found.people, chance)
    draws = drawn_means(first, found.people, rounds, chance.rng())
    return Rate.drawn(found.rate(1), draws)


def _rounds(people: Indices, chance: Chance) -> int:
    """Bootstrap rounds: of one person alone there is no interval."""
    return chance.rounds if len(np.unique(people)) > 1 else 0
