"""What each face that is compared looks like: size, pose, light, mask, alignment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np

from index.datasets.views import View
from masking.datasets.labels import NO_MASK
from masking.faces.finder import AlignedFace
from masking.landmarks import Image, Landmarks

# How far the tip of the nose lies before the eyes, as a fraction of their distance:
# 38.4 / 65.7 in the mean 3D face of OpenFace (Baltrusaitis et al., "OpenFace 2.0",
# FG 2018).
_NOSE_DEPTH = 0.585
_NOSE_TIP = 30
# Of an aligned crop, from brows to the tip of the nose: hardly ever under a mask.
_TOP, _BOTTOM, _SIDE = 0.2, 0.5, 0.2
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


def yaw_deg(landmarks: Landmarks) -> float:
    """How far a head is turned, 0 = ahead, above 0 to the right of the picture.

    Under weak perspective a turn by y moves the tip of the nose, d before the middle
    of the eyes, by d sin y along their axis and shrinks their distance e to e cos y.
    """
    right, left = landmarks.eye_centres()
    axis = left - right
    across = (landmarks.points[_NOSE_TIP] - (right + left) / 2) @ axis
    seen = float(across) / float(axis @ axis)
    return float(np.degrees(np.arctan(seen / _NOSE_DEPTH)))


def light_of(crop: Image) -> tuple[float, float]:
    """Mean brightness of an (S, S, 3) crop's upper face, and how much its sides differ.

    Returns:
        Brightness in [0, 1]; |left - right| / (left + right) in [0, 1].
    """
    size = len(crop)
    rows = slice(round(_TOP * size), round(_BOTTOM * size))
    grey = crop[rows, round(_SIDE * size) : round((1 - _SIDE) * size)].mean(axis=2)
    left, right = (float(half.mean()) for half in np.array_split(grey, 2, axis=1))
    return (left + right) / 510, abs(left - right) / max(left + right, 1e-9)


def eye_error(true: AlignedFace, found: AlignedFace) -> float:
    """Mean distance of the eyes from their true places, of the distance between them.

    NaN where one of the faces was not found.
    """
    if not (true.crops and found.crops):
        return float("nan")
    places = [np.stack(face.landmarks.eye_centres()) for face in (true, found)]
    apart = np.linalg.norm(places[1] - places[0], axis=1).mean()
    return float(apart) / max(true.landmarks.interocular_px, 1e-9)
