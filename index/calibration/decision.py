"""Accepts the best candidate or nobody: thresholds by mask state and gallery size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from index.calibration.calibration import STATES, Calibration, Decision, Match
from index.calibration.shipped import default_calibration, shipped_calibration
from index.calibration.template_size import limit_for, single_distance
from index.engines.snapshot import METRIC
from index.gallery.gallery import Gallery
from training.embedders.mask_classifier import MaskState

# What probabilities are measured against, whatever rate a user asks for.
_USUAL_FPIR = 0.01


PhotoCounts = Callable[[Sequence[int]], Mapping[tuple[int, bool], int]]


class DecisionPolicy:
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
            fpir: fraction of impostors that may be given a name.
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
                as the margin needs two people; a person may come twice, with the
                template for unmasked and that for masked faces. The one for faces like
                the probe counts; the other one only where there is no such.
            state: of the probe.
        """
        matches = _of_the_right_kind(matches, state.is_masked)
        counts = self._photo_counts([match.person_id for match in matches])

        def photos(match: Match) -> int:
            return counts.get((match.person_id, match.masked_template), 1)

        def excess(match: Match) -> float:
            # The same distance means less where impostors come nearer: to masked
            # faces, which resemble each other, and to means of many photos.
            limit = self.threshold(state.is_masked, match.masked_template)
            return self._distance(match, photos(match)) - limit

        ranked = _best_of_each(sorted((excess(m), m.person_id, m) for m in matches))
        if not ranked:
            limit = self.threshold(state.is_masked, state.is_masked)
            return Decision(None, (), limit, METRIC, self.calibrated, state)
        over, first = ranked[0]
        margin = ranked[1][0] - over if len(ranked) > 1 else None
        return Decision(
            first.name if over < 0 else None,
            tuple(match for _, match in ranked),
            self.threshold(state.is_masked, first.masked_template, photos(first)),
            first.metric,
            self.calibrated,
            state,
            self._probability(first, margin, state, photos(first)),
            margin,
        )

    def _distance(self, match: Match, photos: int) -> float:
        """As if the template were of one photo."""
        if self._by_hand:
            return match.distance
        spread = self._calibration.spread[STATES[match.masked_template]]
        return single_distance(match.distance, photos, spread)

    def _probability(
        self, match: Match, margin: float | None, state: MaskState, photos: int
    ) -> float | None:
        model = self._calibration.probability.get(STATES[state.is_masked])
        if model is None or not self.calibrated:
            return None
        usual = self._calibration.threshold(
            self.gallery_size, _USUAL_FPIR, state.is_masked, match.masked_template
        )
        return model.of(usual - self._distance(match, photos), margin)


def _of_the_right_kind(matches: Sequence[Match], masked: bool) -> list[Match]:
    served = {m.person_id for m in matches if m.masked_template == masked}
    return [
        match
        for match in matches
        if match.masked_template == masked or match.person_id not in served
    ]


def _best_of_each(
    ranked: Iterable[tuple[float, int, Match]],
) -> list[tuple[float, Match]]:
    best: dict[int, tuple[float, Match]] = {}
    for over, person_id, match in ranked:
        best.setdefault(person_id, (over, match))
    return list(best.values())


def policy_of(
    gallery: Gallery, fpir: float = 0.01, threshold: float = 0.0
) -> DecisionPolicy:
    """The policy of a gallery as it is now; arguments as for `DecisionPolicy`.

    Raises:
        BadRecord: the stored calibration is damaged.
    """
    calibration, calibrated = calibration_of(gallery)
    size = max(1, gallery.size)
    return DecisionPolicy(
        calibration, calibrated, size, fpir, threshold, gallery.photo_counts
    )


def calibration_of(gallery: Gallery) -> tuple[Calibration, bool]:
    """The calibration that applies to a gallery, and whether it is its embedder's.

    The gallery's own comes first, then the one that ships for its embedder, then
    the default of its kind of distance.
    """
    measured = (
        Calibration.from_json(gallery.calibration_json)
        if gallery.calibration_json
        else shipped_calibration(gallery.fingerprint)
    )
    return (
        (measured, True) if measured else (default_calibration(gallery.cohort), False)
    )
