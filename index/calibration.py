"""Thresholds from the distances of strangers, and the decision that they give.

All distances are Euclidean, lower is closer. A face is accepted when its
distance is strictly below the threshold.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from masking.errors import BadRecord

# Points kept of the lower tail: enough for a straight line between neighbours.
_TAIL_POINTS = 48
# The smallest distances of a sample are luck; ranks from here on are kept.
_FIRST_RANK = 3
_TAIL_SHARE = 0.05


@dataclass(frozen=True)
class Match:
    """A person of the gallery and the distance to them, in `metric`."""

    name: str
    person_id: int
    distance: float
    metric: str


@dataclass(frozen=True)
class Decision:
    """Who it is, or "unknown", and why.

    Attributes:
        name: the accepted person; None means unknown, a normal answer.
        matches: candidates, the nearest first, whether accepted or not.
        threshold: the nearest is accepted when its distance is below it.
        metric: of distances and threshold.
        calibrated: whether the threshold was measured for this embedder or is
            the default.
    """

    name: str | None
    matches: tuple[Match, ...]
    threshold: float
    metric: str
    calibrated: bool


@dataclass(frozen=True)
class Calibration:
    """The low tail of the distances between strangers and person templates.

    Attributes:
        far: false-accept rates, ascending: shares of stranger-template pairs.
        distance: the distance below which that share lies, ascending.
        pairs: pairs that were measured.
        source: what was measured, one line.
    """

    far: tuple[float, ...]
    distance: tuple[float, ...]
    pairs: int
    source: str

    def __post_init__(self) -> None:
        far, distance = np.array(self.far), np.array(self.distance)
        whole = len(far) == len(distance) >= 2
        if not whole or (np.diff(far) <= 0).any() or (np.diff(distance) < 0).any():
            raise BadRecord("a calibration needs two ascending columns of a length")
        if not (far[0] > 0 and far[-1] < 1 and np.isfinite(distance).all()):
            raise BadRecord("a calibration holds rates in (0, 1) and finite distances")

    def threshold(self, gallery_size: int, fpir: float = 0.01) -> float:
        """The distance at which a share `fpir` of strangers is given some name.

        A stranger is compared with every one of N templates, so
        FPIR = 1 - (1 - FAR)^N, which assumes that the N comparisons are
        independent. They are not: a face that is close to one stranger is close
        to several, so the true FPIR is at most this and the threshold is on the
        strict side. Source: Grother & Ngan, NISTIR 8009 (2014), on 1:N rates
        from 1:1 ones.

        Rates below the measured tail are extrapolated on a straight line in
        (log FAR, distance). The tails of such distances fall faster than that,
        so this too is on the strict side.

        Args:
            gallery_size: N, at least 1.
            fpir: in (0, 1).
        """
        if gallery_size < 1 or not 0 < fpir < 1:
            raise ValueError(f"no threshold for {gallery_size} people, FPIR {fpir}")
        far = -math.expm1(math.log1p(-fpir) / gallery_size)
        logs, distances = np.log(self.far), np.array(self.distance)
        if far >= self.far[0]:
            return float(np.interp(math.log(far), logs, distances))
        # The lowest decade or, if the tail is shorter, all of it.
        low = logs <= logs[0] + math.log(10)
        low[:2] = True
        slope, offset = np.polyfit(logs[low], distances[low], 1)
        return max(0.0, float(slope * math.log(far) + offset))

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Calibration:
        """The reverse of `to_json`.

        Raises:
            BadRecord: no calibration.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            return Calibration(
                tuple(float(value) for value in values["far"]),
                tuple(float(value) for value in values["distance"]),
                int(values["pairs"]),
                str(values["source"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BadRecord(f"the stored calibration is damaged ({error}).") from error


# For galleries without a calibration. Unmasked LFW DevTrain people: one photo each
# of 1,096 strangers against the templates (up to four photos) of 1,098 others.
DEFAULT_CALIBRATION = Calibration(
    far=(4e-6, 1e-5, 3.2e-5, 1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2, 3.2e-2, 5e-2),
    distance=(0.402, 0.417, 0.441, 0.463, 0.503, 0.534, 0.568, 0.604, 0.647, 0.665),
    pairs=1_203_408,
    source="dlib's untouched network on unmasked LFW DevTrain people",
)


def calibrate(stranger_distances: ArrayLike, source: str) -> Calibration:
    """Measure the low tail from all stranger-template distances.

    Args:
        stranger_distances: any shape; row i, column j is the distance of probe i
            to the template of a person who is not the one in the probe. Leave
            pairs of the same person out. Probes should look like those that will
            be identified (masked, if those are).
        source: what was measured, one line.

    Raises:
        ValueError: fewer than 1,000 distances, or one that is not finite.
    """
    values = np.asarray(stranger_distances, dtype=np.float64).ravel()
    if values.size < 1000 or not np.isfinite(values).all():
        raise ValueError(f"needs 1,000 finite distances, got {values.size}")
    last = max(_FIRST_RANK + 1, int(values.size * _TAIL_SHARE))
    ranks = np.unique(np.geomspace(_FIRST_RANK, last, _TAIL_POINTS).astype(int))
    lowest = np.sort(np.partition(values, last - 1)[:last])
    return Calibration(
        tuple((ranks / values.size).tolist()),
        tuple(lowest[ranks - 1].tolist()),
        int(values.size),
        source,
    )


def threshold_for(impostor_best_distances: ArrayLike, fpir: float = 0.01) -> float:
    """The largest threshold that names at most a share `fpir` of these strangers.

    Args:
        impostor_best_distances: (n,) distance of each stranger to the nearest
            template of a gallery; holds for galleries of that size only.
        fpir: in (0, 1).

    Raises:
        ValueError: no distances, or one that is not finite.
    """
    best = np.sort(np.asarray(impostor_best_distances, dtype=np.float64).ravel())
    if best.size == 0 or not np.isfinite(best).all():
        raise ValueError("needs finite distances of strangers, at least one")
    # Below the (m + 1)-th smallest lie at most m strangers, ties or not.
    return float(best[math.floor(fpir * best.size)])


def decide(
    matches: tuple[Match, ...], threshold: float, metric: str, calibrated: bool
) -> Decision:
    """Accept the nearest candidate when it is below the threshold."""
    accepted = bool(matches) and matches[0].distance < threshold
    name = matches[0].name if accepted else None
    return Decision(name, matches, threshold, metric, calibrated)
