"""Gathers the figures of many masked faces, ours or a peer's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.masks.quality_measures import (
    CHIN,
    JAW_SIDES,
    bright_rim,
    correlation,
    covered,
    light,
    strap_gaps,
    style_is_true,
)
from benchmarks.masks.quality_photos import MaskedPair, plain_fabric
from benchmarks.masks.quality_sharpness import sharpness_ratio
from masking.faces.finder import Finder
from masking.landmarks import Landmarks

_NAN = float("nan")
# Visors are clear: they have no fabric to cover, shade or blur.
_CLEAR = ("shield",)


@dataclass(frozen=True)
class MaskingFigures:
    """What was measured on all faces; NaN where nothing could be.

    Attributes:
        faces: how many pictures were measured.
        untouched: fraction of them on which no mask can be seen.
        bright_rim: fraction of rim pixels brighter than both layers; lower is better.
        chin, jaw: fraction of landmarks covered by masks that are worn correctly.
        style_true: fraction of wearing styles that the pixels bear out.
        shading: mean correlation of the mask's light with the skin's below it.
        balance: correlation over the faces of the left-right difference of both.
        sharpness: 10th, 50th, 90th percentile of the mask's sharpness over the
            face's; 1 is best.
        strap_gap, strap_gap_p90: distance of straps' ends from the ears, fraction of
            the face's width.
        hog_again: share that dlib's stock detector still finds.
    """

    faces: int
    untouched: float
    bright_rim: float
    chin: float
    jaw: float
    style_true: float
    shading: float
    balance: float
    sharpness: tuple[float, float, float]
    strap_gap: float
    strap_gap_p90: float
    hog_again: float


def measure(pairs: Iterable[MaskedPair], stock: Finder) -> MaskingFigures:
    """Figures of many masked faces; `stock` is the detector of `hog_again`."""
    tally = _Tally(stock)
    for pair in pairs:
        tally.add(pair)
    return tally.figures()


class _Tally:
    """Values of one kind each, face by face."""

    def __init__(self, stock: Finder):
        self._stock = stock
        self._untouched: list[bool] = []
        self._rim: list[tuple[int, int]] = []
        self._chin: list[bool] = []
        self._jaw: list[bool] = []
        self._styles: list[bool] = []
        self._light: list[tuple[float, float, float]] = []
        self._sharpness: list[float] = []
        self._straps: list[float] = []
        self._again: list[bool] = []

    def add(self, pair: MaskedPair) -> None:
        """Measure one face."""
        self._again.append(_found(self._stock, pair))
        spec = pair.sample.specs[0] if pair.sample else None
        if spec is not None and spec.kind in _CLEAR:
            return
        self._untouched.append(not pair.area.any())
        self._rim.append(bright_rim(pair))
        # A peer's pictures carry no label: all are taken for worn correctly.
        if spec is None or spec.wearing_style == "correct":
            self._chin += covered(pair, CHIN)
            self._jaw += covered(pair, JAW_SIDES)
        if spec is not None:
            self._styles.append(style_is_true(pair))
        lit, ratio = light(plain_fabric(pair)), sharpness_ratio(pair)
        self._light += [lit] if lit else []
        self._sharpness += [ratio] if ratio else []
        self._straps += strap_gaps(pair)

    def figures(self) -> MaskingFigures:
        """All that was added, in figures."""
        bright, rim = np.sum(self._rim, axis=0) if self._rim else (0, 0)
        lit = np.array(self._light).reshape(-1, 3)
        low, middle, high = _or_nan(
            lambda v: np.percentile(v, [10, 50, 90]), self._sharpness, 3
        )
        return MaskingFigures(
            faces=len(self._again),
            untouched=_mean(self._untouched),
            bright_rim=float(bright / rim) if rim else _NAN,
            chin=_mean(self._chin),
            jaw=_mean(self._jaw),
            style_true=_mean(self._styles),
            shading=_mean(lit[:, 0].tolist()),
            balance=correlation(lit[:, 1], lit[:, 2]) if len(lit) > 2 else _NAN,
            sharpness=(low, middle, high),
            strap_gap=_mean(self._straps),
            strap_gap_p90=_or_nan(lambda v: np.percentile(v, [90]), self._straps, 1)[0],
            hog_again=_mean(self._again),
        )


def _mean(values: list[bool] | list[float]) -> float:
    return float(np.mean(values)) if values else _NAN


def _or_nan(
    figure: Callable[[list[float]], np.ndarray], values: list[float], count: int
) -> list[float]:
    return [float(v) for v in figure(values)] if values else [_NAN] * count


def _found(finder: Finder, pair: MaskedPair) -> bool:
    """Whether a detector finds the face: a box whose middle is not an eye away."""
    middle = pair.landmarks.points.mean(axis=0)
    reach = pair.landmarks.interocular_px
    return any(
        float(np.linalg.norm(_middle(face.landmarks) - middle)) < reach
        for face in finder.find(pair.masked)
    )


def _middle(landmarks: Landmarks) -> np.ndarray:
    return np.asarray(landmarks.points.mean(axis=0))
