"""What thresholds are worth on a folder of people: FPIR and TPIR, with intervals.

Half of the people, at random, are enrolled with half of their photos and looked for by
the others; the other half are impostors. Then the halves change places, so that
everybody is each of the two once. Where people are few, all of it is done several
times: who happens to be enrolled together changes what is measured.

Source: Grother, Ngan & Hanaoka, NISTIR 8271, section 3; intervals by drawing people
again, as in `training.metrics.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.calibration.calibration import STATES, USUAL_FPIR, Calibration
from index.calibration.decision import MeanFaces, nearness
from index.calibration.fit import calibration_error, calibration_error_by_chance
from index.calibration.thresholds import scores
from index.datasets.embed_views import EmbeddedViews
from masking.errors import InvalidConfig
from training.embedders.embedded_face import Embedder
from training.metrics.bootstrap import Rate, drawn_means, drawn_people
from training.metrics.score_normalization import (
    EmbeddedFaces,
    Float64,
    Indices,
    offset_squares,
)

Bools = NDArray[np.bool_]

_SEED, _ROUNDS = 1, 1000
_FEWEST_PEOPLE = 4
# People are halved anew until so many were looked for, at most so many times.
_ENOUGH_PEOPLE, _MOST_HALVINGS = 2000, 20


@dataclass(frozen=True)
class Check:
    """What became of the probes of one mask state.

    Attributes:
        probes: a key of STATES.
        gallery: people in each of the two galleries, at most.
        people: each in the gallery of one half and an impostor to the other, in every
            halving.
        fpir: fraction of impostors who are given some name, people weighted equally.
        tpir: fraction of those looked for whose right name comes first and is
            accepted, alone or with one too alike to tell; a face that was not found,
            in a probe or in what was enrolled, counts as missed.
        accepted_from: the score from which on the wanted FPIR would hold.
        not_found: fraction of the probes in which no face was found.
        stricter: by so much scores were lowered, on the mean of all galleries,
            because their people are alike, see `impostors.nearer_by`.
        calibration_error: how far the probabilities of names are off, impostors and
            those looked for half each; NaN where no probabilities were measured.
        error_by_chance: what that would be if all of them were true.
    """

    probes: str
    gallery: int
    people: int
    fpir: Rate
    tpir: Rate
    accepted_from: Rate
    not_found: float
    stricter: float = 0.0
    calibration_error: float = float("nan")
    error_by_chance: float = float("nan")


@dataclass(frozen=True, eq=False)
class _Gallery:
    """A half of the people, enrolled.

    Attributes:
        half: all of them, whether they have templates or not.
        people: (T,) int32, those who have.
        unmasked: for unmasked faces; of no photo for those who have none unmasked.
        masked_references: for masked faces.
        calibration: as it is for them, stricter where they are alike.
        near: how much stricter, by mask state of the template.
    """

    half: Indices
    people: Indices
    unmasked: MeanFaces
    masked_references: MeanFaces
    calibration: Calibration
    near: Mapping[str, float]

    @classmethod
    def of(
        cls,
        half: Indices,
        unmasked: EmbeddedFaces,
        references: EmbeddedFaces,
        calibration: Calibration,
    ) -> _Gallery:
        """Of faces that are enrolled, and all of them as masked ones compare them."""
        people = np.unique(references.people)
        plain, under = (
            MeanFaces.of(faces, np.searchsorted(people, faces.people), len(people))
            for faces in (unmasked, references)
        )
        parts = dict(zip(STATES, (unmasked, references), strict=True))
        near = nearness(calibration, parts)
        return cls(half, people, plain, under, calibration.stricter(near), near)

    def scores(self, probes: EmbeddedFaces, masked: bool, fpir: float) -> Float64:
        """(N, T), each with the template for faces like the probe, if there is one."""
        found, size = [], max(1, len(self.people))
        for kind, means in ((False, self.unmasked), (True, self.masked_references)):
            squares = offset_squares(
                probes.embeddings, means.matrix, probes.offsets, means.offsets
            )
            threshold = self.calibration.threshold(size, fpir, masked, kind)
            photos = np.maximum(means.photos, 1)
            spread = self.calibration.spread[STATES[kind]]
            found.append(scores(squares.astype(np.float32), threshold, photos, spread))
        return np.where(self.compared_masked(masked), found[1], found[0])

    def compared_masked(self, masked: bool) -> Bools:
        """(T,) whose template for masked faces is compared with such a probe."""
        return np.asarray(masked | (self.unmasked.photos == 0))


def check_views(
    views: EmbeddedViews,
    people: Indices,
    embedder: Embedder,
    calibration: Calibration,
    fpir: float,
) -> list[Check]:
    """The rates of unmasked and of masked probes, where there are any.

    Args:
        views: by `embedder` alone; those of files that could not be read are left out.
        people: (photos,) the person of each photograph.
        fpir: that is wanted, and that thresholds are for.

    Raises:
        InvalidConfig: fewer than four people.
    """
    read = ~np.isin(views.photos, list(views.unread))
    faces = views.faces(0, people, embedder.cohort)[read]
    references = views.reference_faces(0, people, embedder.cohort)[read]
    worn = views.masked[read]
    enrolled = _enrolled_rows(faces, worn)
    acquired = enrolled & faces.acquired
    halved = []
    for half in _halves(np.unique(faces.people)):
        chosen = acquired & np.isin(faces.people, half)
        known = faces[chosen & ~worn], references[chosen]
        halved.append(_Gallery.of(half, *known, calibration))
    probes = ~np.isin(faces.photos, faces.photos[enrolled])
    found = []
    for masked, state in enumerate(STATES):
        rows = faces[probes & (worn == bool(masked))]
        if len(rows.people):
            measured = _measured(rows, halved, bool(masked), fpir)
            stricter = 100 * float(np.mean([one.near[state] for one in halved]))
            error, chance = _errors(rows, halved, bool(masked))
            found.append(
                replace(
                    measured,
                    stricter=stricter,
                    calibration_error=error,
                    error_by_chance=chance,
                )
            )
    return found


def _halves(people: Indices) -> list[Indices]:
    """Every two are the halves of all people, at random."""
    if len(people) < _FEWEST_PEOPLE:
        raise InvalidConfig(
            f"a check needs {_FEWEST_PEOPLE} people, half of them impostors, got "
            f"{len(people)}. Give a folder of more."
        )
    rng = np.random.default_rng(_SEED)
    times = min(_MOST_HALVINGS, -(-_ENOUGH_PEOPLE // len(people)))
    drawn = [rng.permutation(people) for _ in range(times)]
    half = len(people) // 2
    return [part for order in drawn for part in (order[:half], order[half:])]


def _enrolled_rows(faces: EmbeddedFaces, masked: Bools) -> Bools:
    """(V,) half of each person's unmasked photos, rounded up; else of masked ones."""
    chosen = np.zeros(len(masked), dtype=bool)
    for person in np.unique(faces.people):
        own = np.flatnonzero((faces.people == person) & ~masked)
        if not len(own):
            own = np.flatnonzero(faces.people == person)
        chosen[own[: -(-len(own) // 2)]] = True
    return chosen


def _measured(
    probes: EmbeddedFaces, halved: Sequence[_Gallery], masked: bool, fpir: float
) -> Check:
    """The rates of probes; every two of `halved` are the halves of all people."""
    strange = np.full((len(halved) // 2, len(probes.people)), -np.inf)
    right = np.zeros(strange.shape, dtype=bool)
    for number, one in enumerate(halved):
        table = one.scores(probes, masked, fpir)
        inside = np.isin(probes.people, one.half)
        best = table.max(axis=1, initial=-np.inf)
        strange[number // 2, ~inside] = best[~inside]
        mine = probes.people[:, None] == one.people
        own = np.where(mine, table, -np.inf).max(axis=1, initial=-np.inf)
        right[number // 2] |= (own >= best) & inside & (best >= 0)
    people, named = _by_person(probes.people, (strange >= 0).mean(axis=0))
    _, found = _by_person(probes.people, right.mean(axis=0))
    rng = np.random.default_rng(_SEED)
    return Check(
        STATES[masked],
        max(len(one.people) for one in halved),
        len(people),
        _rate(named, people, rng),
        _rate(found, people, rng),
        _wanted_score(np.tile(probes.people, len(strange)), strange.ravel(), fpir, rng),
        float((~probes.acquired).mean()),
    )


def _rate(values: Float64, people: Indices, rng: np.random.Generator) -> Rate:
    """Of one value a person.

    Where nobody or everybody counts, draws say nothing: then the end is the rate at
    which so many people are all alike in one of forty cases (Clopper and Pearson,
    Biometrika 26, 1934).
    """
    found = Rate.drawn(values.mean(), drawn_means(values, people, _ROUNDS, rng))
    end = 0.025 ** (1 / len(people))
    if found.value == 0:
        return replace(found, high=1 - end)
    return replace(found, low=end) if found.value == 1 else found


def _errors(
    probes: EmbeddedFaces, halved: Sequence[_Gallery], masked: bool
) -> tuple[float, float]:
    """`Check.calibration_error` and by chance, from scores for USUAL_FPIR."""
    probes = probes[probes.acquired]
    _, places, counts = np.unique(
        probes.people, return_inverse=True, return_counts=True
    )
    given, true, weights, mated, same = [], [], [], [], []
    for one in halved:
        size = len(one.people)
        if not size or not len(places):
            continue
        table = one.scores(probes, masked, USUAL_FPIR)
        ranked = np.argsort(-table, axis=1)[:, :2]
        best = np.take_along_axis(table, ranked, axis=1)
        if size == 1:
            best = np.pad(best, ((0, 0), (0, 1)), constant_values=-np.inf)
        worn = one.compared_masked(masked)[ranked[:, 0]]
        for kind in (False, True):
            pair = f"{STATES[masked]}-{STATES[kind]}"
            model = one.calibration.probability.get(pair)
            rows = np.flatnonzero(worn == kind)
            if model is None or not len(rows):
                continue
            first, second = best[rows].T
            given.append(model.each(first, second, np.full(len(first), size)))
            true.append(one.people[ranked[rows, 0]] == probes.people[rows])
            weights.append((1 / counts[places])[rows])
            mated.append(np.isin(probes.people[rows], one.people))
            same.append(2 * rows + mated[-1])
    if not given:
        return float("nan"), float("nan")
    shares, known = np.concatenate(weights), np.concatenate(mated)
    for part in (known, ~known):
        shares[part] /= max(shares[part].sum(), 1e-9)
    values = np.concatenate(given)
    error = calibration_error(values, np.concatenate(true), shares)
    return error, calibration_error_by_chance(values, shares, np.concatenate(same))


def _by_person(people: Indices, values: Float64) -> tuple[Indices, Float64]:
    """(P,) people and the mean of their probes' values."""
    present, places = np.unique(people, return_inverse=True)
    sums = np.bincount(places, values, len(present))
    return present, sums / np.bincount(places, minlength=len(present))


def _wanted_score(
    people: Indices, best: Float64, fpir: float, rng: np.random.Generator
) -> Rate:
    """The lowest score that at most a fraction `fpir` of impostors reach.

    NaN where a single person is more than that.
    """
    there = best[np.isfinite(best)]
    # Whom nobody found is farther than everybody else.
    best = np.maximum(best, there.min(initial=0.0))
    order = np.argsort(-best)
    _, places = np.unique(people[order], return_inverse=True)
    count = int(places.max()) + 1
    shares = 1 / np.bincount(places)[places]
    if fpir * count < 1 or not len(there):
        return Rate(float("nan"))

    def wanted(times: NDArray[np.int64]) -> float:
        weights = (times[places] * shares).cumsum()
        # Rounding must not cost the last of, say, exactly 1 in 100.
        allowed = fpir * weights[-1] * (1 + 1e-9)
        first = int(np.searchsorted(weights, allowed, side="right"))
        return float(np.nextafter(best[order[min(first, len(order) - 1)]], np.inf))

    draws = drawn_people(np.arange(count, dtype=np.intp), count, _ROUNDS, rng)
    return Rate.drawn(
        wanted(np.ones(count, dtype=np.int64)),
        np.array([wanted(times) for times in draws]),
    )
