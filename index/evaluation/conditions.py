"""What each face that is compared looks like: size, pose, light, mask, alignment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np

from index.datasets.views import View
from masking.datasets.collections import NO_MASK
from masking.faces.appearance import light_of, yaw_deg
from masking.faces.finder import AlignedFace

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
