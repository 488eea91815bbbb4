"""What was measured on impostors: thresholds, and how likely a match is right.

All distances are Euclidean, lower is closer. A face is accepted when its distance
is strictly below the threshold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from index.calibration.probabilities import MatchProbability
from index.calibration.thresholds import Thresholds
from masking.errors import BadRecord
from training.embedders.mask_classifier import MaskState

FORMAT_VERSION = 1
# Mask states of a probe and of the template that it is compared with.
STATES = ("unmasked", "masked")
PAIRS = tuple(f"{probe}-{template}" for probe in STATES for template in STATES)


@dataclass(frozen=True)
class Match:
    """A person of the gallery and the distance to them, in `metric`.

    Attributes:
        masked_template: whether the distance is to the person's template for masked
            faces instead of the one for unmasked ones.
    """

    name: str
    person_id: int
    distance: float
    metric: str
    masked_template: bool = False


@dataclass(frozen=True)
class Decision:
    """Who it is, or "unknown", and why.

    Attributes:
        name: the accepted person; None means unknown, a normal answer.
        matches: candidates, the best first, whether accepted or not.
        threshold: the first is accepted when its distance is below it.
        metric: of distances and threshold.
        calibrated: whether the threshold was measured for this embedder or is
            the default.
        mask_state: whether the probe wears a mask; None when nobody looked.
        probability: that the first is the right person, in [0, 1], for faces half of
            which belong to people of the gallery; None when that was not measured.
        margin: how much farther from acceptance the second person is, in `metric`;
            None without one.
    """

    name: str | None
    matches: tuple[Match, ...]
    threshold: float
    metric: str
    calibrated: bool
    mask_state: MaskState | None = None
    probability: float | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Calibration:
    """Thresholds and probabilities of one embedder.

    Attributes:
        thresholds: one table for each of PAIRS, for templates of one photo.
        spread: by mask state of the template: what more photos in it change, see
            `template_size`.
        probability: by mask state of the probe, a key of STATES; empty when too few
            people with several photos were there to measure it.
        impostors: people whose faces were compared with templates of others.
        source: what was measured, one line.
    """

    thresholds: Mapping[str, Thresholds]
    spread: Mapping[str, float]
    probability: Mapping[str, MatchProbability]
    impostors: int
    source: str

    def __post_init__(self) -> None:
        if set(self.thresholds) != set(PAIRS):
            raise BadRecord(f"a calibration needs thresholds for {', '.join(PAIRS)}")
        if set(self.spread) != set(STATES) or not all(
            0 <= value < 1 for value in self.spread.values()
        ):
            raise BadRecord(
                "a calibration has a spread for unmasked and masked templates"
            )
        if not set(self.probability) <= set(STATES):
            raise BadRecord(f"a calibration has probabilities for {', '.join(STATES)}")

    def threshold(
        self,
        gallery_size: int,
        fpir: float = 0.01,
        masked_probe: bool = True,
        masked_template: bool = False,
    ) -> float:
        """The distance at which a fraction `fpir` of impostors is given some name.

        Holds for templates of one photo; `template_size.limit_for` for more.

        Args:
            gallery_size: people in the gallery, at least 1: a face is compared with
                one template of each.
            fpir: in (0, 1).
        """
        pair = f"{STATES[masked_probe]}-{STATES[masked_template]}"
        return self.thresholds[pair].threshold(gallery_size, fpir)

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps({"format_version": FORMAT_VERSION} | asdict(self))

    @staticmethod
    def from_json(text: str) -> Calibration:
        """The reverse of `to_json`.

        Raises:
            BadRecord: no calibration, or one of another version.
        """
        try:
            record: dict[str, Any] = json.loads(text)
            version = record["format_version"]
            if version != FORMAT_VERSION:
                raise BadRecord(
                    f"it has format version {version}, expected {FORMAT_VERSION}; "
                    "update the program"
                )
            return Calibration(
                {pair: _table(record["thresholds"][pair]) for pair in PAIRS},
                {state: float(record["spread"][state]) for state in STATES},
                {
                    state: MatchProbability(**{k: float(v) for k, v in values.items()})
                    for state, values in record["probability"].items()
                },
                int(record["impostors"]),
                str(record["source"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, BadRecord) as error:
            raise BadRecord(f"the stored calibration is damaged ({error}).") from error


def _table(record: dict[str, Any]) -> Thresholds:
    return Thresholds(
        tuple(int(size) for size in record["sizes"]),
        tuple(float(rate) for rate in record["fpirs"]),
        tuple(tuple(float(d) for d in row) for row in record["distances"]),
        int(record["measured_size"]),
    )
