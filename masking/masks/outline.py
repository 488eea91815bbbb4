"""The outline of each kind of mask, as it is worn, on the canonical face."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from masking.masks.relief import form_of, is_moulded, is_pleated
from masking.masks.spec import MASKS, OCCLUDERS, MaskSpec

ANGLES = 192
Float64 = NDArray[np.float64]
Name = TypeVar("Name", bound=Hashable)
_AT = np.linspace(-np.pi, np.pi, ANGLES + 1)
# Waves around a mask's outline, and how high they are, of its radius.
_WAVES = np.array([(1, 0.012), (3, 0.008), (7, 0.006), (17, 0.006)])
_TURNS = _WAVES[:, :1] * _AT
_SINES, _COSINES = np.float32(np.sin(_TURNS)), np.float32(np.cos(_TURNS))

# Right half of each outline (person's left), from the middle of the upper edge
# to the middle of the lower one: (x - 0.5, y) in fractions of the face square.
# The jaw of the canonical face passes (0.59, .56) (0.51, .87) (0.31, 1.11)
# (0, 1.22); a mask has to go around it.
_HALF_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    # Its sides hang straight between the corners that the loops pull.
    "surgical": (
        (0.0, 0.345), (0.10, 0.347), (0.25, 0.368), (0.42, 0.394), (0.578, 0.418),
        (0.570, 0.55), (0.563, 0.70), (0.560, 0.82), (0.537, 0.91), (0.447, 1.03),
        (0.335, 1.14), (0.18, 1.245), (0.0, 1.275),
    ),
    "cloth": (
        (0.0, 0.35), (0.09, 0.36), (0.24, 0.41), (0.42, 0.455), (0.56, 0.50),
        (0.575, 0.60), (0.57, 0.72), (0.545, 0.86), (0.465, 1.005), (0.36, 1.115),
        (0.25, 1.21), (0.12, 1.265), (0.0, 1.28),
    ),
    # One piece of foam: it narrows to the ears, and is its own loops.
    "moulded": (
        (0.0, 0.35), (0.09, 0.365), (0.24, 0.425), (0.42, 0.475), (0.57, 0.490),
        (0.610, 0.530), (0.588, 0.655), (0.565, 0.80), (0.495, 0.96), (0.385, 1.10),
        (0.25, 1.21), (0.12, 1.265), (0.0, 1.28),
    ),
    "ffp2": (
        (0.0, 0.315), (0.11, 0.33), (0.26, 0.395), (0.43, 0.485), (0.56, 0.60),
        (0.59, 0.75), (0.56, 0.9), (0.5, 1.02), (0.41, 1.12), (0.29, 1.21),
        (0.14, 1.275), (0.0, 1.295),
    ),
    "kn95": (
        (0.0, 0.325), (0.1, 0.345), (0.26, 0.42), (0.45, 0.495), (0.595, 0.565),
        (0.61, 0.68), (0.575, 0.83), (0.51, 0.97), (0.41, 1.09), (0.28, 1.19),
        (0.14, 1.265), (0.0, 1.295),
    ),
    "duckbill": (
        (0.0, 0.31), (0.12, 0.325), (0.29, 0.4), (0.46, 0.48), (0.575, 0.57),
        (0.6, 0.7), (0.575, 0.84), (0.52, 0.97), (0.42, 1.1), (0.28, 1.21),
        (0.13, 1.265), (0.0, 1.275),
    ),
    "gaiter": (
        (0.0, 0.38), (0.16, 0.40), (0.34, 0.43), (0.52, 0.455), (0.62, 0.475),
        (0.635, 0.62), (0.615, 0.80), (0.565, 0.97), (0.50, 1.12), (0.465, 1.24),
        (0.47, 1.33), (0.44, 1.41), (0.31, 1.49), (0.15, 1.535), (0.0, 1.55),
    ),
    "shield": (
        (0.0, -0.33), (0.30, -0.32), (0.60, -0.26), (0.75, -0.12), (0.79, 0.30),
        (0.77, 0.72), (0.70, 1.10), (0.56, 1.34), (0.38, 1.44), (0.18, 1.47),
        (0.0, 1.475),
    ),
    "hand": (
        (0.0, 0.66), (0.16, 0.68), (0.25, 0.76), (0.28, 0.90), (0.27, 1.04),
        (0.22, 1.18), (0.13, 1.26), (0.0, 1.28),
    ),
    # Below its crown the brim comes towards the camera, and down in the middle.
    "cap": (
        (0.0, -1.06), (0.36, -1.00), (0.62, -0.81), (0.74, -0.52), (0.745, -0.28),
        (0.70, -0.15), (0.58, -0.065), (0.40, -0.005), (0.20, 0.025), (0.0, 0.035),
    ),
    "headscarf": (
        (0.0, -1.08), (0.42, -0.99), (0.76, -0.70), (0.90, -0.28), (0.90, 0.05),
        (0.84, 0.24), (0.70, 0.27), (0.57, 0.14), (0.40, -0.02), (0.20, -0.09),
        (0.0, -0.10),
    ),
    "patch": (
        (0.0, 0.40), (0.20, 0.40), (0.29, 0.42), (0.30, 0.50), (0.30, 0.60),
        (0.30, 0.70), (0.29, 0.78), (0.20, 0.80), (0.0, 0.80),
    ),
    # One lens about its own middle; LENS_X says where that is.
    "sunglasses": (
        (0.0, 0.075), (0.14, 0.08), (0.215, 0.12), (0.225, 0.21), (0.20, 0.32),
        (0.12, 0.395), (0.0, 0.41),
    ),
}  # fmt: skip
_HALVES = {kind: np.array(knots) for kind, knots in _HALF_OUTLINES.items()}
# Lenses sit in front of the eyes, this far from the middle of the face.
LENS_X = 0.275


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed curve around `centre`, star-shaped about it, in its own frame.

    The frame of a mask is turned by `tilt_rad` about the centre against the
    canonical face. Of a mirrored outline there are two, left and right of x = 0.5.

    Attributes:
        centre: (x, y) canonical.
        tilt_rad: turn of the frame.
        mirrored: whether |x - 0.5| counts instead of x - 0.5.
        radius: (ANGLES + 1,) float32 distance from the centre at angles evenly
            from -pi to pi; first and last are equal.
        slope: (ANGLES + 1,) float32, cosine between radius and normal there.
    """

    centre: tuple[float, float]
    tilt_rad: float
    mirrored: bool
    radius: Float32
    slope: Float32


@dataclass(frozen=True, eq=False)
class Outlines:
    """N outlines as arrays; see Outline and `is_moulded`."""

    centre: Float64
    tilt_rad: Float64
    mirrored: NDArray[np.bool_]
    moulded: NDArray[np.bool_]
    radius: Float32
    slope: Float32

    def __getitem__(self, row: int) -> Outline:
        centre_x, centre_y = self.centre[row].tolist()
        return Outline(
            (centre_x, centre_y),
            float(self.tilt_rad[row]),
            bool(self.mirrored[row]),
            self.radius[row],
            self.slope[row],
        )


def outline_knots(spec: MaskSpec) -> Float64:
    """(K, 2) right half of the spec's outline, canonical, tilt not applied."""
    return np.asarray(_knots([spec])[0])


def _knots(specs: Sequence[MaskSpec]) -> Float64:
    """(N, K, 2) knots of specs of one kind and cut."""
    kind = specs[0].kind
    knots: Float64 = np.repeat(
        _HALVES[_cut(kind, form_of(specs[0]))][None], len(specs), axis=0
    )
    numbers = [(s.rise, s.widen, s.hang, s.shift_x, s.shift_y) for s in specs]
    rise, widen, hang, shift_x, shift_y = np.array(numbers).T[..., None]
    if kind in OCCLUDERS:
        return _occluder_knots(knots, 1 + widen, shift_x, shift_y)
    x, y = knots[..., 0], knots[..., 1]
    upper = np.minimum(np.maximum((0.95 - y) / 0.6, 0), 1)
    y -= rise * upper * (1 - 0.5 * np.abs(x) / 0.6)
    x *= 1 + widen
    y += hang * _chin(y)
    for style in {spec.wearing_style for spec in specs} - {"correct", "crooked"}:
        rows = np.array([spec.wearing_style == style for spec in specs])
        knots[rows] = _worn_wrongly(knots[rows], kind, style, rise[rows])
    x += 0.5
    return knots


@cache
def _cut(kind: str, form: int) -> str:
    """The outline of a kind, or of what its form is cut like."""
    if is_moulded(kind, form):
        return "moulded"
    return "surgical" if is_pleated(kind, form) else kind


def _worn_wrongly(knots: Float64, kind: str, style: str, rise: Float64) -> Float64:
    """(N, K, 2) knots that are pulled down or up."""
    y = knots[..., 1]
    if style == "nose_out":
        _lower_top(knots, 0.675 + 0.3 * rise)
    elif style == "nose_and_mouth_out":
        # Pulled down whole, it bunches under the chin.
        y += 0.16 * _chin(y)
        _lower_top(knots, 0.995 + 0.2 * rise)
    else:
        y[...] = np.where(y > 0.85, 0.85 + (y - 0.85) * (0.165 / 0.43), y)
        if kind == "gaiter":  # a neck tube pulled up ends above the chin too
            np.minimum(y, 1.02, out=y)
    return knots


def _chin(y: Float64) -> Float64:
    """0 above the chin, 1 well below it."""
    return np.minimum(np.maximum((y - 0.9) / 0.35, 0), 1)


def _occluder_knots(
    knots: Float64, size: Float64, shift_x: Float64, shift_y: Float64
) -> Float64:
    middle = (knots[:, :1, 1] + knots[:, -1:, 1]) / 2
    knots[..., 0] = knots[..., 0] * size + 0.5 + shift_x
    knots[..., 1] = (knots[..., 1] - middle) * size + middle + shift_y
    return knots


def _lower_top(knots: Float64, top: Float64) -> None:
    """Pull upper edges down so that their middles are at y = (N, 1) `top`."""
    x, y = knots[..., 0], knots[..., 1]
    first, bottom = y[:, :1].copy(), y[:, -1:].copy()
    middle = bottom - (bottom - y) / (bottom - first) * (bottom - top)
    # The sides keep hanging from the ears, so they move less than the middle.
    side = np.clip(np.abs(x) / 0.6, 0, 1) ** 1.7
    y[...] = middle + (y - middle) * 0.45 * side


def outlines(specs: Sequence[MaskSpec]) -> Outlines:
    """The closed outlines of what specs describe, those of one cut in one go."""
    count = len(specs)
    centre = np.empty((count, 2))
    radius, slope = np.empty((2, count, ANGLES + 1), dtype=np.float32)
    lenses, moulded = np.zeros((2, count), dtype=bool)
    cuts = [(spec.kind, _cut(spec.kind, form_of(spec))) for spec in specs]
    for (kind, cut), rows in rows_by(cuts).items():
        shapes = _of_one_kind([specs[row] for row in rows])
        centre[rows], radius[rows], slope[rows] = shapes
        lenses[rows] = kind == "sunglasses"
        moulded[rows] = cut == "moulded"
    centre[lenses, 0] = 0.5 + LENS_X
    tilt = np.array([spec.tilt_rad for spec in specs])
    return Outlines(centre, tilt, lenses, moulded, radius, slope)


def rows_by(names: Iterable[Name]) -> dict[Name, list[int]]:
    """The rows that have each of the names."""
    found: dict[Name, list[int]] = {}
    for row, name in enumerate(names):
        found.setdefault(name, []).append(row)
    return found


def _of_one_kind(specs: Sequence[MaskSpec]) -> tuple[Float64, Float32, Float32]:
    """Centres, radii and slopes, see Outline."""
    half = _knots(specs)
    axis = half[:, :1, 0]
    mirrored = half[:, -2:0:-1].copy()
    mirrored[..., 0] = 2 * axis - mirrored[..., 0]
    closed = np.concatenate([half, mirrored], axis=1)
    centre = np.concatenate([axis, (half[:, :1, 1] + half[:, -1:, 1]) / 2], axis=1)
    # One product for all of them; hypot takes four times as long as the root.
    x, y = (closed - centre[:, None]).transpose(2, 0, 1) @ _between(closed.shape[1]).T
    radius = _around(np.arctan2(y, x), np.sqrt(x * x + y * y)).astype(np.float32)
    if specs[0].kind in MASKS:
        radius *= _uneven(specs)
    wide = np.concatenate([radius[:, -2:-1], radius, radius[:, 1:2]], axis=1)
    bend = wide[:, 2:] - wide[:, :-2]
    bend /= np.float32(2 * (_AT[1] - _AT[0]))
    bend /= radius
    bend *= bend
    bend += 1
    return centre, radius, np.float32(1) / np.sqrt(bend)


def _uneven(specs: Sequence[MaskSpec]) -> Float32:
    """(N, ANGLES + 1) factors near 1: no mask sits even, and its hem is wavy."""
    seeds = np.array([spec.seed for spec in specs], dtype=np.float64)[:, None]
    limp = np.array([spec.wrinkle for spec in specs])[:, None]
    phase, high = seeds / (977 + _WAVES[:, 0]) % (2 * np.pi), limp * _WAVES[:, 1]
    # sin(a + b): sines of the whole table take most of the packing's time.
    waves = (high * np.cos(phase)).astype(np.float32) @ _SINES
    waves += (high * np.sin(phase)).astype(np.float32) @ _COSINES
    waves += 1
    return np.asarray(waves)


def _around(angles: Float64, values: Float64) -> Float64:
    """(N, M) angles and their values, which repeat, to those at _AT."""
    turn, row = 2 * np.pi, np.arange(len(angles))[:, None]
    # They ascend but for one place, which a stable sort makes use of.
    order = angles.argsort(axis=1, kind="stable") + angles.shape[1] * row
    order = np.concatenate([order[:, -1:], order, order[:, :1]], axis=1)
    angles = angles.take(order)
    angles[:, 0] -= turn
    angles[:, -1] += turn
    # One row after the other on one line, too far apart to meet.
    apart = 4 * turn * row
    angles += apart
    return np.interp(_AT + apart, angles.ravel(), values.take(order).ravel())


@cache
def _between(knots: int, pieces: int = 8) -> Float64:
    """(knots * pieces, knots) weights of a Catmull-Rom curve through a closed polygon.

    Source: Catmull & Rom, "A class of local interpolating splines", 1974.
    """
    t = (np.arange(pieces) / pieces)[:, None]
    powers = np.concatenate([t**0, t, t**2, t**3], axis=1)
    # Of the knot before, the two that the piece lies between, and the one after.
    terms = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    weights = np.zeros((knots, pieces, knots))
    for knot in range(knots):
        weights[knot][:, np.arange(knot - 1, knot + 3) % knots] = powers @ terms
    return weights.reshape(-1, knots)
