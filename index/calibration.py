"""What was measured on strangers: thresholds, and how likely a match is right.

All distances are Euclidean, lower is closer. A face is accepted when its distance
is strictly below the threshold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from index.calibration_upgrade import upgrade_1_to_2
from index.probabilities import MatchProbability
from index.thresholds import Thresholds
from masking.errors import BadRecord
from training.mask_state import MaskState

FORMAT_VERSION = 3
# Mask states of a probe and of the template that it is compared with.
STATES = ("bare", "masked")
PAIRS = tuple(f"{probe}-{template}" for probe in STATES for template in STATES)


def pair_of(masked_probe: bool, masked_template: bool) -> str:
    """One of PAIRS."""
    return f"{STATES[masked_probe]}-{STATES[masked_template]}"


@dataclass(frozen=True)
class Match:
    """A person of the gallery and the distance to them, in `metric`.

    Attributes:
        masked_template: whether the distance is to the person's template for masked
            faces instead of the one for bare ones.
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
        threshold: the first is accepted when its distance is below it; in galleries
            of more than a few people it depends on the others, see `cohort`.
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
class RelativeRule:
    """Thresholds and probabilities of distances as shares of a cohort's.

    Attributes:
        thresholds: one table for each of PAIRS, of r in `cohort`.
        probability: as in `Calibration`, of r.
    """

    thresholds: Mapping[str, Thresholds]
    probability: Mapping[str, MatchProbability]

    def __post_init__(self) -> None:
        _check(self.thresholds, self.probability)


@dataclass(frozen=True)
class Calibration:
    """Thresholds and probabilities of one embedder.

    Attributes:
        thresholds: one table for each of PAIRS, for templates of one photo.
        spread: by mask state of the template: what more photos in it change, see
            `photo_counts`.
        probability: by mask state of the probe, a key of STATES; empty when too few
            people with several photos were there to measure it.
        strangers: people whose faces were compared with templates of others.
        source: what was measured, one line.
        relative: the same for galleries that give a best match a cohort; None when
            too few people were there to measure it.
    """

    thresholds: Mapping[str, Thresholds]
    spread: Mapping[str, float]
    probability: Mapping[str, MatchProbability]
    strangers: int
    source: str
    relative: RelativeRule | None = None

    def __post_init__(self) -> None:
        _check(self.thresholds, self.probability)
        if set(self.spread) != set(STATES) or not all(
            0 <= value < 1 for value in self.spread.values()
        ):
            raise BadRecord("a calibration has a spread for bare and masked templates")

    def threshold(
        self,
        gallery_size: int,
        fpir: float = 0.01,
        masked_probe: bool = True,
        masked_template: bool = False,
    ) -> float:
        """The distance at which a share `fpir` of strangers is given some name.

        Holds for templates of one photo; `photo_counts.limit_for` for more. Where a
        match has a cohort, `relative` is the better judge.

        Args:
            gallery_size: people in the gallery, at least 1: a face is compared with
                one template of each.
            fpir: in (0, 1).
        """
        pair = pair_of(masked_probe, masked_template)
        return self.thresholds[pair].threshold(gallery_size, fpir)

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps({"format_version": FORMAT_VERSION} | asdict(self))

    @staticmethod
    def from_json(text: str) -> Calibration:
        """The reverse of `to_json`; older formats are upgraded.

        Raises:
            BadRecord: no calibration, or one of a newer version.
        """
        try:
            record: dict[str, Any] = json.loads(text)
            version = record.get("format_version", 1)
            if version == 1:
                record = upgrade_1_to_2(record)
            # The third has the relative rule besides.
            elif version not in (2, FORMAT_VERSION):
                raise BadRecord(f"it has format version {version}, update the program")
            relative = record.get("relative")
            return Calibration(
                _tables(record["thresholds"]),
                {state: float(record["spread"][state]) for state in STATES},
                _models(record["probability"]),
                int(record["strangers"]),
                str(record["source"]),
                RelativeRule(
                    _tables(relative["thresholds"]), _models(relative["probability"])
                )
                if relative
                else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, BadRecord) as error:
            raise BadRecord(f"the stored calibration is damaged ({error}).") from error


def _check(
    thresholds: Mapping[str, Thresholds], probability: Mapping[str, MatchProbability]
) -> None:
    if set(thresholds) != set(PAIRS):
        raise BadRecord(f"a calibration needs thresholds for {', '.join(PAIRS)}")
    if not set(probability) <= set(STATES):
        raise BadRecord(f"a calibration has probabilities for {', '.join(STATES)}")


def _tables(records: dict[str, Any]) -> dict[str, Thresholds]:
    return {pair: _table(records[pair]) for pair in PAIRS}


def _models(records: dict[str, Any]) -> dict[str, MatchProbability]:
    return {
        state: MatchProbability(**{name: float(value) for name, value in model.items()})
        for state, model in records.items()
    }


def _table(record: dict[str, Any]) -> Thresholds:
    return Thresholds(
        tuple(int(size) for size in record["sizes"]),
        tuple(float(rate) for rate in record["fpirs"]),
        tuple(tuple(float(d) for d in row) for row in record["distances"]),
        int(record["measured_size"]),
    )
