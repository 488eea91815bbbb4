"""Whether a small classifier can tell synthetic masks from real ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image

# The chip that is looked at: a mask fills rows 38 to 96, columns 13 to 83 of it.
CHIP = ChipGeometry(size_px=96)
BELOW = (slice(38, 96), slice(13, 83))
ABOVE = (slice(0, 38), slice(13, 83))
_ROUNDS = 1000
_FEWEST = 5
_SIDE_PX, _CELLS, _BINS = 64, 4, 8

Part = tuple[slice, slice]
Auc = tuple[float, float, float]


@dataclass(frozen=True)
class Told:
    """How well a classifier tells rendered from real; 0.5 = it cannot.

    Attributes:
        auc: AUC and its 95% interval: (AUC, low, high).
        by_kind: the same of the faces of each kind of mask with at least _FEWEST real
            and as many rendered ones.
    """

    auc: Auc
    by_kind: dict[str, Auc]


def telling(
    chips: list[Image],
    rendered: list[bool],
    people: list[str],
    kinds: list[str],
    part: Part,
    seed: int,
) -> Told:
    """A classifier of all kinds, judged on all faces and on those of each kind.

    Trained on other people than it is tested on (five folds);
    the interval is a bootstrap over people.

    Args:
        chips: (96, 96, 3) uint8 RGB, in the geometry CHIP.
        kinds: of each one's mask; "" where it is not known.
        part: BELOW shows the mask. ABOVE shows none of it and is the control: what
            is told there is where the pictures come from, not how they are rendered.

    Raises:
        ValueError: chips of one class or one person.
    """
    truth, who = np.array(rendered, dtype=np.int64), np.array(people)
    if len(set(rendered)) < 2 or len(set(people)) < 2:
        raise ValueError("expected real and rendered chips of several people")
    looks = np.stack([_features(chip, part) for chip in chips])
    scores = _scores(looks, truth, who)
    worn, by_kind = np.array(kinds), {}
    for kind in sorted(set(kinds) - {""}):
        of_it = worn == kind
        if np.bincount(truth[of_it], minlength=2).min() >= _FEWEST:
            by_kind[kind] = _auc(truth[of_it], scores[of_it], who[of_it], seed)
    return Told(_auc(truth, scores, who, seed), by_kind)


def _auc(
    truth: NDArray[np.int64],
    scores: NDArray[np.float64],
    who: NDArray[np.str_],
    seed: int,
) -> Auc:
    low, high = _interval(truth, scores, who, seed)
    return float(roc_auc_score(truth, scores)), low, high


def _scores(
    looks: Float32, truth: NDArray[np.int64], people: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Score of each face by a model of the other folds' people."""
    scores = np.zeros(len(truth))
    folds = GroupKFold(n_splits=min(5, len(set(people.tolist()))))
    for train, test in folds.split(looks, truth, people):
        model = make_pipeline(
            StandardScaler(),
            PCA(min(40, len(train) - 1, looks.shape[1]), svd_solver="full"),
            LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000),
        )
        model.fit(looks[train], truth[train])
        scores[test] = model.decision_function(looks[test])
    return scores


def _interval(
    truth: NDArray[np.int64],
    scores: NDArray[np.float64],
    people: NDArray[np.str_],
    seed: int,
) -> tuple[float, float]:
    """95% of the AUC when people are drawn again.

    The AUC is the fraction of pairs, rendered and real, that are in the right order
    (ties count half): drawing a person twice counts their faces twice.
    """
    rendered, real = scores[truth == 1][:, None], scores[truth == 0]
    ordered = (rendered > real) + 0.5 * (rendered == real)
    names, number = np.unique(people, return_inverse=True)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(_ROUNDS):
        drawn = rng.integers(len(names), size=len(names))
        times = np.bincount(drawn, minlength=len(names))[number].astype(float)
        up, down = times[truth == 1], times[truth == 0]
        if up.any() and down.any():
            values.append(float(up @ ordered @ down / (up.sum() * down.sum())))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _features(chip: Image, part: Part) -> Float32:
    """Edges, colours and fine detail of one part of a chip, in 4 x 4 cells.

    Edges are histograms of gradient directions (Dalal & Triggs, CVPR 2005, without
    their overlapping blocks).
    """
    piece = np.asarray(cv2.resize(chip[part], (_SIDE_PX, _SIDE_PX)), dtype=np.uint8)
    grey = np.asarray(cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    across, down = cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1)
    strength = np.hypot(across, down)
    direction = np.arctan2(down, across) % np.pi * (_BINS / np.pi)
    edges = [
        strength * (direction.astype(int) % _BINS == number) for number in range(_BINS)
    ]
    colours = cv2.cvtColor(piece, cv2.COLOR_RGB2LAB).astype(np.float32)
    detail = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    cells = np.dstack([colours, detail, *edges])
    cells = cells.reshape(_CELLS, _SIDE_PX // _CELLS, _CELLS, _SIDE_PX // _CELLS, -1)
    means, spreads = cells.mean(axis=(1, 3)), cells[..., :4].std(axis=(1, 3))
    total = means[..., 4:].sum(axis=-1, keepdims=True) + 1.0
    means[..., 4:] /= total  # the directions' fractions; `detail` says how strong
    return np.concatenate([means.ravel(), spreads.ravel()]).astype(np.float32)
