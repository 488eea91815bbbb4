"""Where errors are lost: by size, pose, light, mask and alignment of the probes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.datasets.views import View
from index.evaluation.protocol import Chosen, Pairing
from index.evaluation.set_figures import FARS, Chance, thresholds_of
from masking.datasets.collections import NO_MASK
from masking.faces.alignment import light_of, yaw_deg
from masking.faces.finder import AlignedFace
from training.metrics.bootstrap import Rate, drawn_means
from training.metrics.identification import ranks
from training.metrics.pairs import Comparisons
from training.metrics.score_normalization import Indices

_AT = FARS.index(1e-3)
Bins = NDArray[np.str_]


@dataclass(frozen=True)
class BinFigures:
    """Figures of the faces in one bin; NaN where there are none.

    Attributes:
        name: of the bin.
        faces, failed: masked faces, and how many of them were not found.
        eye_error: median over them, of the distance between the eyes.
        uu, mu: genuine pairs accepted at the one threshold that lets .1% of all
            impostor pairs pass, U-U and M-U; a face that was not found is an error.
            People with such a face count alike. In mu the bin is that of the masked
            face, in uu of either.
        rank1: of the masked faces, each of which counts alike.
    """

    name: str
    faces: int
    failed: int
    eye_error: float
    uu: Rate
    mu: Rate
    rank1: Rate


def by_property(
    names: tuple[str, ...],
    pairing: Pairing,
    masked: Chosen,
    conditions: Conditions,
    identify: bool,
    chance: Chance,
) -> dict[str, list[BinFigures]]:
    """Some properties, each with its bins that hold a face.

    Args:
        masked: (V,) bool, the views with a mask.
        identify: whether there are ranks.
    """
    mixed, plain = pairing.between(masked, ~masked), pairing.within(~masked)
    pairs = [
        # The probe comes first; of two unmasked faces each is one.
        _Probes.of(plain.genuine, thresholds_of(plain)[_AT], 2),
        _Probes.of(mixed.genuine, thresholds_of(mixed)[_AT], 1),
    ]
    faces, errors = pairing.faces, np.array(conditions.eye_errors)
    tables: dict[str, list[BinFigures]] = {}
    for name in names:
        bins = np.array(conditions.bins[name])
        tables[name] = []
        for one in _present(name, bins[masked]):
            here = bins == one
            chosen = here & masked
            uu = pairs[0].rate(faces.photos[here & ~masked], chance)
            mu = pairs[1].rate(faces.photos[chosen], chance)
            rank1 = Rate(np.nan)
            if identify:
                rank1 = _rank1(pairing, chosen, masked, chance)
            known = errors[chosen & np.isfinite(errors)]
            error = float(np.median(known)) if len(known) else float("nan")
            failed = int((~faces.acquired[chosen]).sum())
            figures = BinFigures(one, int(chosen.sum()), failed, error, uu, mu, rank1)
            tables[name].append(figures)
    return tables


def _present(name: str, bins: Bins) -> list[str]:
    """The bins that hold a face, in their order; what is not known comes last."""
    found, edges = set(bins.tolist()), BINS[name][1]
    order = bin_names(edges) if edges else sorted(found - {UNKNOWN})
    return [one for one in (*order, UNKNOWN) if one in found]


@dataclass(frozen=True, eq=False)
class _Probes:
    """Genuine pairs by their probe: photograph, person, and whether accepted."""

    photos: Indices
    people: Indices
    accepted: Chosen

    @classmethod
    def of(cls, genuine: Comparisons, threshold: float, ends: int) -> _Probes:
        """The first `ends` faces of each pair are probes."""
        return cls(
            genuine.photos[:, :ends].ravel(),
            genuine.people[:, :ends].ravel(),
            np.repeat(genuine.distances <= threshold, ends),
        )

    def rate(self, photos: Indices, chance: Chance) -> Rate:
        """Fraction accepted of the pairs whose probe is one of these photographs."""
        chosen = np.isin(self.photos, photos)
        people, place = np.unique(self.people[chosen], return_inverse=True)
        if not len(people):
            return Rate(np.nan)
        own = np.bincount(place, self.accepted[chosen]) / np.bincount(place)
        draws = drawn_means(own, people, _rounds(people, chance), chance.rng())
        return Rate.drawn(float(own.mean()), draws)


def _rank1(pairing: Pairing, chosen: Chosen, masked: Chosen, chance: Chance) -> Rate:
    found = ranks(pairing.faces[chosen], pairing.references[~masked])
    first = (found.ranks <= 1).astype(np.float64)
    rounds = _rounds(found.people, chance)
    draws = drawn_means(first, found.people, rounds, chance.rng())
    return Rate.drawn(found.rate(1), draws)


def _rounds(people: Indices, chance: Chance) -> int:
    """Bootstrap rounds: of one person alone there is no interval."""
    return chance.rounds if len(np.unique(people)) > 1 else 0


UNKNOWN = "not known"
# Title, and where the bins of a number begin; without, every value is a bin.
BINS: dict[str, tuple[str, tuple[float, ...]]] = {
    "eyes": ("distance between the eyes, px", (20, 30, 45, 70)),
    "pose": ("head turned by, degrees", (10, 20, 30, 45)),
    "light": ("mean brightness, 1 = white", (0.25, 0.4, 0.55)),
    "side-light": ("left and right differ, of their sum", (0.05, 0.1, 0.2)),
    "alignment": ("eyes misplaced, of their distance", (0.02, 0.05, 0.1)),
    "mask": ("kind of mask", ()),
    "style": ("wearing style", ()),
}


class Conditions:
    """Notes the bin of every view in every property, as views pass by.

    A rendered copy is what its photograph is, so that one whose face is lost under
    the mask still counts where it belongs; its alignment is how far its eyes are
    from where they were before. Of real masks the true place is unknown.

    Attributes:
        bins: by property, the bin of each view; UNKNOWN where nothing tells, "" for an
            unmasked face in what is said of masked ones alone.
        eye_errors: of each view; NaN where nothing tells.
    """

    def __init__(self, style_of: Callable[[int], str] | None) -> None:
        """
        Args:
            style_of: wearing style of the rendered mask of a photograph, by number;
                None = masks are real.
        """
        self.bins: dict[str, list[str]] = {name: [] for name in BINS}
        self.eye_errors: list[float] = []
        self._style_of = style_of

    def noted(self, views: Iterable[View]) -> Iterator[View]:
        """The views, unchanged; a rendered one follows its photograph."""
        original: AlignedFace | None = None
        for view in views:
            rendered = view.masked and self._style_of is not None
            face = original if rendered and original else view.face
            error = eye_error(face, view.face) if rendered else float("nan")
            style = self._style_of(view.photo) if rendered and self._style_of else ""
            for name, value in _numbers(face).items():
                self.bins[name].append(bin_of(value, BINS[name][1]))
            under = (bin_of(error, BINS["alignment"][1]), view.mask, style or UNKNOWN)
            for name, one in zip(("alignment", "mask", "style"), under, strict=True):
                self.bins[name].append(one if view.masked else "")
            self.eye_errors.append(error)
            original = None if view.mask != NO_MASK else view.face
            yield view


def _numbers(face: AlignedFace) -> dict[str, float]:
    names = ("eyes", "pose", "light", "side-light")
    if not face.crops:
        return dict.fromkeys(names, float("nan"))
    marks = face.landmarks
    values = (marks.interocular_px, abs(yaw_deg(marks)), *light_of(face.crop))
    return dict(zip(names, values, strict=True))


def bin_of(value: float, edges: tuple[float, ...]) -> str:
    """The bin of a number; a lower edge belongs to its bin."""
    if np.isnan(value):
        return UNKNOWN
    place = int(np.searchsorted(edges, value, side="right"))
    return bin_names(edges)[place]


def bin_names(edges: tuple[float, ...]) -> list[str]:
    """The bins of a number, ascending."""
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *inner, f"{edges[-1]:g} and more"]


def eye_error(true: AlignedFace, found: AlignedFace) -> float:
    """Mean distance of the eyes from their true places, of the distance between them.

    NaN where one of the faces was not found.
    """
    if not (true.crops and found.crops):
        return float("nan")
    places = [np.stack(face.landmarks.eye_centres()) for face in (true, found)]
    apart = np.linalg.norm(places[1] - places[0], axis=1).mean()
    return float(apart) / max(true.landmarks.interocular_px, 1e-9)
