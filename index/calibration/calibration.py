"""A calibration: what was measured on impostors, and the decisions that rest on it.

Thresholds, and how likely the name of the best match is right; those of our own
embedders ship with the project.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.calibration.thresholds import Thresholds
from masking.errors import BadRecord, MissingInput
from masking.files.model_files import shipped_file
from training.embedders.mask_classifier import MaskState
from training.metrics.score_normalization import Cohort, Float64

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
        score: see `index.calibration.thresholds`; higher is closer.
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
            `thresholds.as_single`.
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

        Holds for templates of one photo; `thresholds.limits_for` for more.

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


# What probabilities are measured against, whatever rate a user asks for.
USUAL_FPIR = 0.01
# Scores are given to the model in tens: about their spread.
_TEN = 10.0
# A gap that is as good as infinite.
_FARTHEST = 1e3
# Smaller galleries are taken for one of this size: fewer look-alikes were measured.
SMALLEST_GALLERY = 10


@dataclass(frozen=True)
class MatchProbability:
    """P(right) = s(offset + score * a + size * g) * s(gap * (a - b)).

    s(x) = 1 / (1 + exp(-x)); a and b are the scores of the first and the second, in
    tens; g = log10(n / 10) for a gallery of n people. The first factor is
    whether it is one of the two at all, the second one which of them: of two with the
    same score, neither is more likely than a half. The larger the gallery, the nearer
    its threshold, and the fewer own photos reach a score: the same one says less.
    Neither `score` nor `gap` is negative, so a higher
    score is never less likely, and a second that comes nearer never makes it likelier.
    """

    offset: float
    score: float
    gap: float
    size: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()):
            raise BadRecord("a probability needs finite weights")
        if self.score < 0 or self.gap < 0:
            raise BadRecord("the weights of a probability's scores are not negative")

    def of(
        self,
        first: float,
        second: float | None = None,
        gallery_size: int = SMALLEST_GALLERY,
    ) -> float:
        """Probability in [0, 1] that the name of the first is right.

        Args:
            first, second: the two highest scores at the threshold for FPIR 1%; they
                may be negative. None when there is no second person.
            gallery_size: people in the gallery.
        """
        other = -math.inf if second is None else second
        rows = (np.array([value]) for value in (first, other, gallery_size))
        return float(self.each(*rows)[0])

    def stricter(self, by: float) -> MatchProbability:
        """For scores that were lowered by so much, as impostors come nearer by it.

        Their owners' photos do not come nearer: where one is as likely as the other
        lies in the middle between them, and moves by half.
        """
        return replace(self, offset=self.offset + self.score * by / 2 / _TEN)

    def each(
        self, first: Float64, second: Float64, sizes: NDArray[np.int64]
    ) -> Float64:
        """(N,) what `of` gives for (N,) probes; -infinite without a second person."""
        weights = np.array([self.offset, self.score, self.gap, self.size])
        return chances_of(weights, first, second, sizes)


def chances_of(
    weights: Float64, first: Float64, second: Float64, sizes: NDArray[np.int64]
) -> Float64:
    """(N,) probabilities of N probes, see `MatchProbability`.

    Args:
        weights: (4,) offset, score, gap and size.
        first, second: (N,) scores; -infinite without a second.
        sizes: (N,) people in the gallery.
    """
    offset, score, gap, size = weights
    larger = np.log10(np.maximum(sizes, SMALLEST_GALLERY) / SMALLEST_GALLERY)
    # Without a second the gap is infinite, and infinity times no weight is nothing.
    apart = np.minimum(first - second, _FARTHEST) / _TEN
    either = _logistic(offset + score * first / _TEN + size * larger)
    return np.asarray(either * _logistic(gap * apart))


def _logistic(values: Float64) -> Float64:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))


# Those of the embedders that ship with the project.
SHIPPED_FILE = Path(__file__).parents[1] / "models" / "calibrations.json"
FILE_VERSION = 1
KINDS = ("plain", "dlib, cohort", "cohort")
_DLIB_DIMENSION = 128


def shipped_calibration(fingerprint: str) -> Calibration | None:
    """The calibration of an embedder by its fingerprint, if one ships for it.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return read_calibrations(shipped_file(SHIPPED_FILE))[1].get(fingerprint)


def default_calibration(cohort: Cohort | None) -> Calibration:
    """For embedders that were never calibrated.

    That of dlib's untouched network, which is on the strict side for others; that of
    a shipped embedder for those that compare beside a cohort, as distances mean
    something else then.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    defaults, calibrations = read_calibrations(shipped_file(SHIPPED_FILE))
    return calibrations[defaults[distance_kind(cohort)]]


def distance_kind(cohort: Cohort | None) -> str:
    """Whether distances are plain or beside a cohort, and then of which length.

    Embeddings in dlib's space have lengths of their own, all others are 1 long.
    """
    if cohort is None:
        return "plain"
    in_dlib_space = cohort.members.shape[1] == _DLIB_DIMENSION
    return "dlib, cohort" if in_dlib_space else "cohort"


@cache
def read_calibrations(path: Path) -> tuple[dict[str, str], dict[str, Calibration]]:
    """Fingerprints of defaults by kind of distance; calibrations by fingerprint.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is damaged, or of another version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInput(
            f"{path}: the calibrations that ship with the program are missing "
            f"({error.strerror or error}). Install it again."
        ) from error
    try:
        record = json.loads(text)
        if record["format_version"] != FILE_VERSION:
            raise ValueError(f"format version {record['format_version']}")
        found = {
            fingerprint: Calibration.from_json(json.dumps(value))
            for fingerprint, value in record["calibrations"].items()
        }
        defaults = {kind: record["defaults"][kind] for kind in KINDS}
        for fingerprint in defaults.values():
            found[fingerprint]
    except (ValueError, KeyError, TypeError, AttributeError, BadRecord) as error:
        raise BadRecord(f"{path}: damaged ({error}). Install again.") from error
    return defaults, found
