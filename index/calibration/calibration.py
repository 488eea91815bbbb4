"""What was measured on impostors: thresholds, and how likely a match is right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from index.calibration.probabilities import MatchProbability
from index.calibration.thresholds import Thresholds
from masking.errors import BadRecord
from training.embedders.mask_classifier import MaskState

FORMAT_VERSION = 3
# People with several photos, below which no probability is given.
MIN_MATED_PEOPLE = 20
# Mask states of a probe and of the template that it is compared with.
STATES = ("unmasked", "masked")
PAIRS = tuple(f"{probe}-{template}" for probe in STATES for template in STATES)


@dataclass(frozen=True)
class Match:
    """A person of the gallery and how near the face is to them.

    Attributes:
        score: see `index.calibration.score`; higher is closer.
        distance: plain Euclidean distance to the person's template.
        masked_template: whether that is the template for masked faces instead of the
            one for unmasked ones.
    """

    name: str
    person_id: int
    score: float
    distance: float
    masked_template: bool = False


@dataclass(frozen=True)
class Decision:
    """Who it is, or "unknown", and why.

    Attributes:
        names: of the accepted people: none means unknown, a normal answer; of several
            it is one, whose scores are as alike as those of one person would be.
        matches: candidates, the highest score first, whether accepted or not.
        accepted_from: the score from which on a name is accepted.
        calibrated: whether the threshold was measured for this embedder or is
            the default.
        mask_state: whether the probe wears a mask; None when nobody looked.
        probability: that the first's name is the right one, in [0, 1], for faces half
            of which belong to people of the gallery; None when that was not measured.
        no_probability: why there is none, one sentence; "" when there is one.
        gap: how much lower the second's score is; None without one.
    """

    names: tuple[str, ...]
    matches: tuple[Match, ...]
    accepted_from: float
    calibrated: bool
    mask_state: MaskState | None = None
    probability: float | None = None
    no_probability: str = ""
    gap: float | None = None

    @property
    def name(self) -> str | None:
        """The accepted person; None when nobody is, or several are."""
        return self.names[0] if len(self.names) == 1 else None

    @property
    def answer(self) -> str:
        """For people: "Ann", "Ann or Bea" or "unknown"."""
        return one_of(self.names)


def one_of(names: tuple[str, ...]) -> str:
    """ "Ann, Bea or Cid"; "unknown" for nobody."""
    *others, last = names or ("unknown",)
    return f"{', '.join(others)} or {last}" if others else last


@dataclass(frozen=True)
class Calibration:
    """Thresholds and probabilities of one embedder.

    Attributes:
        thresholds: one table for each of PAIRS, for templates of one photo.
        spread: by mask state of the template: what more photos in it change, see
            `template_size`.
        probability: one for each of PAIRS; empty when too few people with several
            photos were there to measure it.
        alike: by mask state of the probe: two scores that are no farther apart are as
            alike as those of one person who is enrolled under two names.
        impostors: people whose faces were compared with templates of others.
        source: what was measured, one line.
    """

    thresholds: Mapping[str, Thresholds]
    spread: Mapping[str, float]
    probability: Mapping[str, MatchProbability]
    alike: Mapping[str, float]
    impostors: int
    source: str

    def __post_init__(self) -> None:
        if set(self.thresholds) != set(PAIRS):
            raise BadRecord(f"a calibration needs thresholds for {', '.join(PAIRS)}")
        if set(self.alike) != set(STATES) or not all(
            0 <= value < math.inf for value in self.alike.values()
        ):
            raise BadRecord("a calibration says what is alike, unmasked and masked")
        if set(self.spread) != set(STATES) or not all(
            0 <= value < 1 for value in self.spread.values()
        ):
            raise BadRecord(
                "a calibration has a spread for unmasked and masked templates"
            )
        if not set(self.probability) <= set(PAIRS):
            raise BadRecord(f"a calibration has probabilities for {', '.join(PAIRS)}")

    def threshold(
        self,
        gallery_size: int,
        fpir: float = 0.01,
        masked_probe: bool = True,
        masked_template: bool = False,
    ) -> float:
        """The squared distance below which a fraction `fpir` of impostors comes.

        Holds for templates of one photo; `template_size.limits_for` for more.

        Args:
            gallery_size: people in the gallery, at least 1: a face is compared with
                one template of each.
            fpir: in (0, 1).
        """
        pair = f"{STATES[masked_probe]}-{STATES[masked_template]}"
        return self.thresholds[pair].threshold(gallery_size, fpir)

    def stricter(self, by: Mapping[str, float]) -> Calibration:
        """For people nearer to each other, by mask state of the template.

        Squared distances at which names are accepted are lowered by as much.
        """
        tables = {
            pair: table.stricter(by[pair.split("-")[1]])
            for pair, table in self.thresholds.items()
        }
        models = {
            pair: model.stricter(100 * by[pair.split("-")[1]])
            for pair, model in self.probability.items()
        }
        return replace(self, thresholds=tables, probability=models)

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
                    "update the program, or run again: python cli.py calibrate"
                )
            return Calibration(
                {pair: _table(record["thresholds"][pair]) for pair in PAIRS},
                {state: float(record["spread"][state]) for state in STATES},
                {
                    pair: MatchProbability(**{k: float(v) for k, v in values.items()})
                    for pair, values in record["probability"].items()
                },
                {state: float(record["alike"][state]) for state in STATES},
                int(record["impostors"]),
                str(record["source"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, BadRecord) as error:
            raise BadRecord(f"the stored calibration is damaged ({error}).") from error


def _table(record: dict[str, Any]) -> Thresholds:
    return Thresholds(
        tuple(int(size) for size in record["sizes"]),
        tuple(float(rate) for rate in record["fpirs"]),
        tuple(tuple(float(d) for d in row) for row in record["squares"]),
        int(record["measured_size"]),
    )
