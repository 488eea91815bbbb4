"""Embeddings to decisions, with the people of the gallery that a card shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from index.calibration.calibration import Decision, Match
from index.calibration.decision import calibration_of, nearness_in, policy_of
from index.engines.neighbours import Neighbour
from index.gallery.gallery import Gallery
from index.identification.cards.result_card import CARD_CANDIDATES, CardCandidate
from index.identification.config import IdentifyConfig
from index.search.open_search import open_search
from masking.errors import MissingInput
from masking.faces.alignment import ChipGeometry
from masking.files.text import counted
from masking.landmarks import Float32
from training.embedders.embedded_face import EmbeddedFace, Embedder, network_input
from training.embedders.mask_classifier import mask_states
from training.metrics.score_normalization import Cohort

# The nearest are those of either of their templates, and only one of them counts: among
# 5,000 drawn people, the best match of one impostor in a hundred was lost with 5 more.
_SPARE_CANDIDATES = 50
# Whose scores have to be the highest of all: the answer and its runner-up.
_DECISIVE = 2


def decided_by(
    gallery: Gallery, embedder: Embedder
) -> Callable[[EmbeddedFace], Decision]:
    """Says who a face is in a gallery that may grow meanwhile, and holds somebody."""

    @lru_cache(maxsize=1)
    def nearer(doublings: int) -> Mapping[str, float]:
        return nearness_in(gallery)

    @lru_cache(maxsize=1)
    def recogniser(people: int) -> Recogniser:
        # Thresholds follow the number of people; how near these are to each other
        # costs more, and is measured again when they are twice as many.
        config = IdentifyConfig(engine="exact")
        known = nearer(people.bit_length())
        return Recogniser(gallery, embedder.geometry, config, known)

    return lambda face: recogniser(gallery.size).decide(face)


class Recogniser:
    """A gallery, its search and its thresholds, ready for any number of faces."""

    def __init__(
        self,
        gallery: Gallery,
        geometry: ChipGeometry,
        config: IdentifyConfig,
        nearer: Mapping[str, float] | None = None,
    ):
        """
        Args:
            geometry: of the chips that will come.
            nearer: see `policy_of`.

        Raises:
            MissingInput: nobody is enrolled.
        """
        self._gallery, self._geometry, self._config = gallery, geometry, config
        self._search = open_search(gallery, config.engine, config.uri)
        self._policy = policy_of(gallery, config.fpir, config.threshold, nearer)
        self._people = gallery.size

    @property
    def same_person(self) -> float:
        """Two faces whose squared distance is larger are hardly one person."""
        calibration, _ = calibration_of(self._gallery)
        # One person, because the question is not who of all people it is.
        return calibration.threshold(1, masked_probe=False, masked_template=False)

    @property
    def cohort(self) -> Cohort | None:
        """Of the gallery's embedder."""
        return self._gallery.cohort

    def template(self, match: Match) -> Float32:
        """(D,) what the distance of a match is to.

        Raises:
            MissingInput: the person was removed meanwhile.
        """
        return self._gallery.person_template(match.person_id, match.masked_template)

    def decide(self, face: EmbeddedFace) -> Decision:
        """Who a face is, with candidates enough for a card."""
        (state,) = mask_states(network_input([face.face.crop]), self._geometry)
        wanted = max(self._config.top_k, CARD_CANDIDATES) + _SPARE_CANDIDATES
        while True:
            found = self._search.nearest(face.embedding, wanted)
            names = self._gallery.names([one.person_id for one in found])
            decision = self._policy.decide(found, names, state)
            # The nearest are searched, the highest scores wanted: thresholds differ by
            # template, so somebody farther off may have a higher one.
            everybody = len({one.person_id for one in found}) < wanted
            if everybody or self._is_final(decision, found, state.is_masked):
                return decision
            wanted *= 4

    def _is_final(
        self, decision: Decision, found: Sequence[Neighbour], masked: bool
    ) -> bool:
        """Whether nobody who was not found can have one of the highest scores."""
        nearest: dict[int, float] = {}
        for one in found:
            nearest.setdefault(one.person_id, one.square)
        beyond = self._policy.highest(max(nearest.values()), masked)
        return all(m.score >= beyond for m in decision.matches[:_DECISIVE])

    def candidates(
        self, decision: Decision, embedding: Float32
    ) -> Iterator[CardCandidate]:
        """The nearest people, each with the photo that is nearest to the face."""
        for match in decision.matches[:CARD_CANDIDATES]:
            try:
                photo = self._gallery.nearest_photo(match.person_id, embedding)
            except MissingInput:
                # Removed in this moment by another process: not shown any more.
                continue
            yield CardCandidate(match.name, match.score, photo.chip)

    def nearest_photos(self, decision: Decision, embedding: Float32) -> tuple[int, ...]:
        """For each match, the number of the person's photo that is nearest to the face.

        0 where the person was removed meanwhile.
        """
        people = [match.person_id for match in decision.matches]
        return self._gallery.nearest_numbers(people, embedding)

    def note(self) -> str:
        """Where the threshold comes from, in a line."""
        people = counted(self._people, "person")
        if nearer := round(100 * max(self._policy.nearer.values())):
            people += f", {nearer} stricter as they are alike"
        if self._config.threshold:
            return f"Threshold set by hand; gallery of {people}."
        rate = f"about {self._config.fpir:.0%} of impostors get a name"
        if self._policy.calibrated:
            return f"Threshold calibrated for a gallery of {people}: {rate}."
        return f"Default threshold for {people}, not calibrated for this model."
