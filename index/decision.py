"""Accepts the best candidate or nobody: thresholds by mask state and gallery size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from index.calibration import STATES, Calibration, Decision, Match, pair_of
from index.cohort import LEAST_PEOPLE, cohort_distance
from index.gallery import Gallery
from index.generation import METRIC
from index.photo_counts import limit_for, single_distance
from index.probabilities import MatchProbability
from index.shipped_calibrations import default_calibration, shipped_calibration
from training.mask_state import MaskState

# What probabilities are measured against, whatever rate a user asks for.
_USUAL_FPIR = 0.01


PhotoCounts = Callable[[Sequence[int]], Mapping[tuple[int, bool], int]]


class Judge:
    """A calibration applied to one gallery.

    Attributes:
        calibrated: whether the thresholds were measured for the gallery's embedder.
        gallery_size: people who are searched.
    """

    def __init__(
        self,
        calibration: Calibration,
        calibrated: bool,
        gallery_size: int,
        fpir: float,
        threshold: float = 0.0,
        photo_counts: PhotoCounts = lambda person_ids: {},
    ):
        """
        Args:
            fpir: share of strangers that may be given a name.
            threshold: set by hand for all templates alike; 0 = by calibration.
            photo_counts: photos of the templates of people, by a person's number and
                whether it is that for masked faces; one that is missing has one.
        """
        self._calibration, self._fpir, self._by_hand = calibration, fpir, threshold
        self._photo_counts = photo_counts
        self.calibrated = calibrated and not threshold
        self.gallery_size = gallery_size

    def threshold(
        self, masked_probe: bool, masked_template: bool = False, photos: int = 1
    ) -> float:
        """A probe of this kind is accepted below this distance to such a template.

        Holds in galleries that are too small for a cohort.

        Args:
            photos: whose mean the template is.
        """
        if self._by_hand:
            return self._by_hand
        single = self._calibration.threshold(
            self.gallery_size, self._fpir, masked_probe, masked_template
        )
        return limit_for(
            single, photos, self._calibration.spread[STATES[masked_template]]
        )

    def decide(self, matches: Sequence[Match], state: MaskState) -> Decision:
        """Who it is.

        Args:
            matches: candidates in any order, those that can win and the next best,
                as the best is compared with a cohort; a person may come twice, with
                the template for bare and that for masked faces. The one for faces
                like the probe counts; the other one only where there is no such.
            state: of the probe.
        """
        matches = _of_the_right_kind(matches, state.is_masked)
        counts = self._photo_counts([match.person_id for match in matches])
        found = [
            self._candidate(m, counts.get((m.person_id, m.masked_template), 1), state)
            for m in matches
        ]
        ranked = _best_of_each(sorted(found, key=_rank))
        if not ranked:
            limit = self.threshold(state.is_masked, state.is_masked)
            return Decision(None, (), limit, METRIC, self.calibrated, state)
        first = ranked[0]
        verdict = self._verdict(ranked, state)
        margin = ranked[1].excess - first.excess if len(ranked) > 1 else None
        return Decision(
            first.match.name if first.distance < verdict.limit else None,
            tuple(candidate.match for candidate in ranked),
            verdict.limit * first.scale,
            first.match.metric,
            self.calibrated,
            state,
            self._probability(first, margin, verdict, state),
            margin,
        )

    def _candidate(self, match: Match, photos: int, state: MaskState) -> _Candidate:
        # The same distance means less where strangers come nearer: to masked
        # faces, which resemble each other, and to means of many photos.
        limit = self.threshold(state.is_masked, match.masked_template)
        if self._by_hand:
            return _Candidate(match, match.distance, 1.0, limit)
        spread = self._calibration.spread[STATES[match.masked_template]]
        distance = single_distance(match.distance, photos, spread)
        return _Candidate(match, distance, limit_for(1.0, photos, spread), limit)

    def _verdict(self, ranked: Sequence[_Candidate], state: MaskState) -> _Verdict:
        """What the best of some ranked candidates has to come below."""
        first = ranked[0]
        pair = pair_of(state.is_masked, first.match.masked_template)
        rule = self._calibration.relative
        if self._by_hand:
            return _Verdict(first.limit, 1.0, first.limit, {})
        cohort = cohort_distance([other.as_if(first.limit) for other in ranked[1:]])
        few = self.gallery_size < LEAST_PEOPLE
        if few or rule is None or not cohort or not math.isfinite(cohort):
            usual = self._calibration.thresholds[pair].threshold(
                self.gallery_size, _USUAL_FPIR
            )
            return _Verdict(first.limit, 1.0, usual, self._calibration.probability)
        share, usual = (
            rule.thresholds[pair].threshold(self.gallery_size, fpir)
            for fpir in (self._fpir, _USUAL_FPIR)
        )
        return _Verdict(share * cohort, cohort, usual, rule.probability)

    def _probability(
        self,
        first: _Candidate,
        margin: float | None,
        verdict: _Verdict,
        state: MaskState,
    ) -> float | None:
        model = verdict.probability.get(STATES[state.is_masked])
        if model is None or not self.calibrated:
            return None
        closeness = verdict.usual - first.distance / verdict.unit
        return model.of(closeness, None if margin is None else margin / verdict.unit)


@dataclass(frozen=True)
class _Candidate:
    """A match and what its distance means.

    Attributes:
        distance: as if the template were of one photo.
        scale: what turns such a limit into one for the template as it is.
        limit: what the distance has to be below in a small gallery.
    """

    match: Match
    distance: float
    scale: float
    limit: float

    @property
    def excess(self) -> float:
        return self.distance - self.limit

    def as_if(self, limit: float) -> float:
        """The distance, as if the template were of the kind that has this limit."""
        return self.distance * limit / self.limit if self.limit else self.distance


@dataclass(frozen=True)
class _Verdict:
    """What decides on the best candidate.

    Attributes:
        limit: its distance has to be below it.
        unit: what distances are divided by before probabilities are read off.
        usual: the limit for the usual FPIR, in that unit.
        probability: by mask state.
    """

    limit: float
    unit: float
    usual: float
    probability: Mapping[str, MatchProbability]


def _of_the_right_kind(matches: Sequence[Match], masked: bool) -> list[Match]:
    served = {m.person_id for m in matches if m.masked_template == masked}
    return [
        match
        for match in matches
        if match.masked_template == masked or match.person_id not in served
    ]


def _rank(candidate: _Candidate) -> tuple[float, int]:
    return candidate.excess, candidate.match.person_id


def _best_of_each(ranked: Iterable[_Candidate]) -> list[_Candidate]:
    best: dict[int, _Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.match.person_id, candidate)
    return list(best.values())


def judge_of(gallery: Gallery, fpir: float = 0.01, threshold: float = 0.0) -> Judge:
    """The judge of a gallery as it is now; arguments as for `Judge`.

    Raises:
        BadRecord: the stored calibration is damaged.
    """
    calibration, calibrated = calibration_of(gallery)
    size = max(1, gallery.size)
    return Judge(calibration, calibrated, size, fpir, threshold, gallery.photo_counts)


def calibration_of(gallery: Gallery) -> tuple[Calibration, bool]:
    """The calibration that applies to a gallery, and whether it is its embedder's.

    The gallery's own comes first, then the one that ships for its embedder, then
    that of dlib's network, which is on the strict side for networks trained on it.
    """
    measured = gallery.calibration or shipped_calibration(gallery.fingerprint)
    return (measured, True) if measured else (default_calibration(), False)
