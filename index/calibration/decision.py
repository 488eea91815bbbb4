"""Accepts the best candidate or nobody: thresholds by mask state and gallery size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.calibration.calibration import (
    MIN_MATED_PEOPLE,
    STATES,
    USUAL_FPIR,
    Calibration,
    Decision,
    Match,
    default_calibration,
    shipped_calibration,
)
from index.calibration.thresholds import Int64, Thresholds, as_single, quantiles, scores
from index.engines.neighbours import Neighbour
from index.gallery.gallery import Gallery, open_gallery
from index.gallery.storage.database import FILE_NAME
from masking.landmarks import Float32
from training.embedders.embedded_face import Embedder
from training.embedders.mask_classifier import MaskState
from training.metrics.score_normalization import (
    Cohort,
    EmbeddedFaces,
    Float64,
    offset_squares,
)

# Fewer enrolled people say nothing about others. How near they come is read where a
# hundredth of their pairs lie below, or so many pairs where these are more.
_FEWEST_ENROLLED, _PAIR_RATE, _NEAR_PAIRS = 10, 0.01, 8
# Galleries of 10 to 150 of LFW's people differ by so much of a threshold, by chance.
_CHANCE = 0.0125

NO_NEARER = dict.fromkeys(STATES, 0.0)
PhotoCounts = Callable[[Sequence[int]], Mapping[tuple[int, bool], int]]


class DecisionPolicy:
    """A calibration applied to one gallery.

    Attributes:
        calibrated: whether the thresholds were measured for the gallery's embedder.
        gallery_size: people who are searched.
        accepted_from: the score from which on a name is accepted.
        nearer: by mask state of the template, by how much thresholds were made
            stricter for these people, see `policy_of`.
    """

    def __init__(
        self,
        calibration: Calibration,
        calibrated: bool,
        gallery_size: int,
        fpir: float,
        accepted_from: float = 0.0,
        photo_counts: PhotoCounts = lambda person_ids: {},
        nearer: Mapping[str, float] = NO_NEARER,
    ):
        """
        Args:
            calibration: of the embedder.
            fpir: fraction of impostors that may be given a name.
            accepted_from: 0 accepts at the calibrated thresholds.
            photo_counts: photos of the templates of people, by a person's number and
                whether it is that for masked faces; one that is missing has one.
        """
        self._calibration, self._fpir = calibration.stricter(nearer), fpir
        self.nearer = nearer
        # Reading a table takes a hundred times as long as a score.
        self._threshold = cache(partial(self._calibration.threshold, gallery_size))
        self._photo_counts = photo_counts
        self.calibrated, self.gallery_size = calibrated, gallery_size
        self.accepted_from = accepted_from

    def score(
        self,
        square: float,
        masked_probe: bool,
        masked_template: bool = False,
        photos: int = 1,
        fpir: float | None = None,
    ) -> float:
        """The score of a squared, normalised distance to a template.

        Args:
            photos: whose mean the template is.
            fpir: None = that of this policy.
        """
        threshold = self._threshold(fpir or self._fpir, masked_probe, masked_template)
        spread = self._calibration.spread[STATES[masked_template]]
        return float(scores(square, threshold, photos, spread))

    def highest(self, square: float, masked_probe: bool) -> float:
        """The highest score that any template so far away, or farther, can have."""
        return max(self.score(square, masked_probe, kind) for kind in (False, True))

    def decide(
        self,
        found: Sequence[Neighbour],
        names: Mapping[int, str],
        state: MaskState,
    ) -> Decision:
        """Who it is.

        Args:
            found: candidates in any order, those that can win and the next best, as
                the probability needs two people; a person may come twice, with the
                template for unmasked and that for masked faces. The one for faces like
                the probe counts; the other one only where there is no such.
            names: by number; whoever has none is left out.
            state: of the probe.
        """
        known = [one for one in found if one.person_id in names]
        scored = self._scored(known, state.is_masked)
        matches = tuple(
            Match(names[one.person_id], one.person_id, value, one.distance, one.masked)
            for value, _, one in scored
        )
        probability, reason = self._probability(scored[:2], STATES[state.is_masked])
        return Decision(
            self._accepted(matches, STATES[state.is_masked]),
            matches,
            self.accepted_from,
            self.calibrated,
            state,
            probability,
            reason,
            matches[0].score - matches[1].score if len(matches) > 1 else None,
        )

    def _scored(
        self, found: Sequence[Neighbour], masked: bool
    ) -> list[tuple[float, float, Neighbour]]:
        """One template of each person, the highest score first, the lower number next.

        With its score, and that for USUAL_FPIR.
        """
        kept = _of_the_right_kind(found, masked)
        counts = self._photo_counts([one.person_id for one in kept])

        def score(one: Neighbour, fpir: float) -> float:
            photos = counts.get((one.person_id, one.masked), 1)
            return self.score(one.square, masked, one.masked, photos, fpir)

        scored = [(score(one, self._fpir), score(one, USUAL_FPIR), one) for one in kept]
        return sorted(scored, key=lambda row: (-row[0], row[2].person_id))

    def _accepted(self, matches: Sequence[Match], state: str) -> tuple[str, ...]:
        """Names of those who pass, and are no less like the face than chance allows."""
        passing = [one for one in matches if one.score >= self.accepted_from]
        alike = self._calibration.alike[state]
        return tuple(
            one.name for one in passing if passing[0].score - one.score <= alike
        )

    def _probability(
        self, best: Sequence[tuple[float, float, Neighbour]], state: str
    ) -> tuple[float | None, str]:
        """That the first of `_scored` is the right person, or why nobody knows."""
        if not best:
            return None, "nobody was compared"
        if not self.calibrated:
            return None, (
                "nothing was measured for this model; run: python cli.py calibrate"
            )
        pair = f"{state}-{STATES[best[0][2].masked]}"
        model = self._calibration.probability.get(pair)
        if model is None:
            return None, (
                f"fewer than {MIN_MATED_PEOPLE} people with several photos were there "
                "to measure it on; give more to: python cli.py calibrate FOLDER"
            )
        second = best[1][1] if len(best) > 1 else None
        return model.of(best[0][1], second, self.gallery_size), ""


def _of_the_right_kind(found: Sequence[Neighbour], masked: bool) -> list[Neighbour]:
    """One of each person: with the template for faces like the probe, if there is."""
    chosen: dict[int, Neighbour] = {}
    for one in found:
        if one.person_id not in chosen or one.masked == masked:
            chosen[one.person_id] = one
    return list(chosen.values())


def policy_of(
    gallery: Gallery,
    fpir: float = 0.01,
    accepted_from: float = 0.0,
    nearer: Mapping[str, float] | None = None,
) -> DecisionPolicy:
    """The policy of a gallery as it is now; arguments as for `DecisionPolicy`.

    Args:
        nearer: of `nearness_in`, where it is known.

    Raises:
        BadRecord: the stored calibration, or an embedding, is damaged.
    """
    calibration, calibrated = calibration_of(gallery)
    return DecisionPolicy(
        calibration,
        calibrated,
        max(1, gallery.size),
        fpir,
        accepted_from,
        gallery.photo_counts,
        nearness_in(gallery) if nearer is None else nearer,
    )


def nearness_in(gallery: Gallery) -> dict[str, float]:
    """How much nearer its people are to each other than its thresholds expect.

    Raises:
        BadRecord: the stored calibration, or an embedding, is damaged.
    """
    faces = {state: gallery.sample(bool(kind)) for kind, state in enumerate(STATES)}
    return nearness(calibration_of(gallery)[0], faces)


def calibration_of(gallery: Gallery) -> tuple[Calibration, bool]:
    """The calibration that applies to a gallery, and whether it is its embedder's.

    The gallery's own comes first, then the one that ships for its embedder, then
    the default of its kind of distance.
    """
    if gallery.calibration_json:
        return Calibration.from_json(gallery.calibration_json), True
    return reference_calibration(gallery.fingerprint, gallery.cohort)


def reference_calibration(
    fingerprint: str, cohort: Cohort | None
) -> tuple[Calibration, bool]:
    """That which ships for an embedder, else the default of its kind of distance."""
    shipped = shipped_calibration(fingerprint)
    return (shipped, True) if shipped else (default_calibration(cohort), False)


def calibration_for(folder: Path, embedder: Embedder) -> tuple[Calibration, bool]:
    """`calibration_of` the gallery in a folder; of the embedder, where there is none.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
    """
    if (folder / FILE_NAME).is_file():
        with open_gallery(folder) as gallery:
            gallery.check_embedder(embedder)
            return calibration_of(gallery)
    return reference_calibration(embedder.fingerprint, embedder.cohort)


@dataclass(frozen=True, eq=False)
class MeanFaces:
    """Templates: means of the photos of one person each.

    Attributes:
        matrix: (T, D) float32.
        photos: (T,) int64, in each of them.
        offsets: (T,) mean of theirs, see `index.engines.neighbours`.
    """

    matrix: Float32
    photos: Int64
    offsets: Float64

    def __getitem__(self, chosen: Int64 | NDArray[np.bool_]) -> MeanFaces:
        return MeanFaces(self.matrix[chosen], self.photos[chosen], self.offsets[chosen])

    @staticmethod
    def joined(parts: Sequence[MeanFaces]) -> MeanFaces:
        """Those of several, one after the other."""
        return MeanFaces(
            np.concatenate([part.matrix for part in parts]),
            np.concatenate([part.photos for part in parts]),
            np.concatenate([part.offsets for part in parts]),
        )

    @staticmethod
    def of(faces: EmbeddedFaces, places: Int64, count: int) -> MeanFaces:
        """The means of faces; zeros where there is none.

        Args:
            faces: N acquired ones.
            places: (N,) row that each counts in.
            count: T.
        """
        photos = np.bincount(places, minlength=count)
        divisors = np.maximum(photos, 1)
        sums = np.zeros((count, faces.embeddings.shape[1]))
        np.add.at(sums, places, faces.embeddings)
        offsets = np.bincount(places, faces.offsets, count)
        return MeanFaces(
            (sums / divisors[:, None]).astype(np.float32), photos, offsets / divisors
        )


def nearness(
    calibration: Calibration, enrolled: Mapping[str, EmbeddedFaces]
) -> dict[str, float]:
    """`nearer_by` of the people of a gallery, by mask state of the template.

    What brings people near to each other brings their unmasked faces near, too: masked
    references that lie nearer than these, as all do in dlib's space, count no more.

    Args:
        enrolled: acquired faces that make these templates.
    """
    nearer = {
        state: nearer_by(
            enrolled[state],
            calibration.thresholds[f"{state}-{state}"],
            calibration.spread[state],
        )
        for state in STATES
    }
    unmasked, masked = STATES
    if len(np.unique(enrolled[unmasked].people)) >= _FEWEST_ENROLLED:
        nearer[masked] = min(nearer.values())
    return nearer


def nearer_by(faces: EmbeddedFaces, thresholds: Thresholds, spread: float) -> float:
    """How much nearer people of a gallery are to each other than thresholds expect.

    They all differ, so that a photo of one and the template of another are what an
    impostor and a template are, in just the photos that the gallery is of. Where
    these are unlike those that thresholds were measured on, as of one camera or of
    people whom the network confuses, impostors come nearer by as much.

    Args:
        faces: acquired ones of the gallery's people.
        thresholds: for such probes and templates.
        spread: see `thresholds.as_single`.

    Returns:
        A squared distance, 0 where it is no more than chance or people are few.
    """
    people, places = np.unique(faces.people, return_inverse=True)
    count = len(people)
    if count < _FEWEST_ENROLLED:
        return 0.0
    means = MeanFaces.of(faces, places, count)
    squares = offset_squares(
        faces.embeddings, means.matrix, faces.offsets, means.offsets
    ).astype(np.float32)
    others = faces.people[:, None] != people
    values = as_single(squares, means.photos, spread)[others].astype(np.float64)
    order = np.argsort(values)
    # Each person counts once, as in thresholds.
    weights = np.repeat(1 / np.bincount(places)[places], count - 1)[order]
    rate = max(_PAIR_RATE, 2 * _NEAR_PAIRS / (count * (count - 1)))
    (near,) = quantiles(values[order], weights / weights.sum(), (rate,))
    expected = thresholds.threshold(1, rate)
    return max(0.0, expected - near - _CHANCE * abs(expected))
