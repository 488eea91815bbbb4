"""Carries the canonical mask surface onto the landmarks of faces.

A mask is drawn in the coordinates of `CANONICAL_FACE`. For every pixel of the
photograph a thin-plate spline says where on the canonical face it lies, so that
shapes are evaluated per pixel, at any size, turn and crop, without resampling. What
stands off the skin is moved along the line of sight: on a turned head a mask hides
the far cheek and bulges beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masking.faces.mean_face import CANONICAL_DEPTH, CANONICAL_FACE
from masking.landmarks import Float32

# Points that a mask rests on or that fix the pose. The mouth is left out: an
# open mouth does not stretch a mask.
_ANCHORS = np.r_[0:17, 27:36, 36, 39, 42, 45]
# Points that keep their place on the head: the jaw's slide along its rim.
_POSE = np.r_[17:48, 48, 54]
# Smoothing of the spline: landmarks are off by a few per cent of the face.
_STIFFNESS = 0.005
_GRID_PX = 6
# An ear that lies this far inside of the head's rim is behind the head.
_HIDDEN = 0.02
# x, y and depth of the upper and lower root of the right ear, then of the left one.
EARS = np.array(
    [
        (-0.11, 0.30, -0.72),
        (-0.10, 0.62, -0.72),
        (1.11, 0.30, -0.72),
        (1.10, 0.62, -0.72),
    ]
)
_RIMS = (slice(0, 6), slice(11, 17))


def _pose_solver() -> NDArray[np.float64]:
    whole = np.c_[CANONICAL_FACE, CANONICAL_DEPTH, np.ones(68)][_POSE]
    return np.linalg.pinv(whole.astype(np.float64))


# (4, len(_POSE)): least squares of the picture's points over canonical x, y, z, 1.
_SOLVER = _pose_solver()


@dataclass(frozen=True, eq=False)
class HeadPose:
    """How heads of N faces are seen, weak perspective; arrays of one kind.

    Attributes:
        across, down, towards: (N, 2) px that a face square's step to the person's
            left, down and towards the camera takes in the picture.
        origin: (N, 2) px of the canonical (0, 0).
        px_per_unit: (N,) length of the face square's side in px.
        lean: (N, 2) canonical shift of what stands one face square off the skin.
        ears: (N, 4, 2) px of the roots of the ears, in the order of EARS.
        ears_seen: (N, 2) 1 or 0, the person's right and left ear.
    """

    across: Any
    down: Any
    towards: Any
    origin: Any
    px_per_unit: Any
    lean: Any
    ears: Any
    ears_seen: Any


def head_pose(arrays: Any, points: Any) -> HeadPose:
    """Pose of the heads of (N, 68, 2) landmarks, px.

    Source: Tomasi & Kanade, IJCV 1992: under weak perspective the picture of a
    rigid head is linear in its three axes.
    """
    xp = arrays.xp
    solver = arrays.array(_SOLVER)
    fitted = xp.matmul(solver[None], points[:, _POSE.tolist()])
    across, down, towards, origin = (fitted[:, row] for row in range(4))
    area = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    # A face seen edge-on has no area: it is rendered flat.
    area = xp.where(xp.abs(area) < 1e-3, xp.ones_like(area) * 1e-3, area)
    lean_x = (towards[:, 0] * down[:, 1] - towards[:, 1] * down[:, 0]) / area
    lean_y = (across[:, 0] * towards[:, 1] - across[:, 1] * towards[:, 0]) / area
    lean = xp.clip(xp.stack([lean_x, lean_y], axis=-1), -0.8, 0.8)
    size = xp.sqrt((across * across + down * down).sum(-1) / 2)
    ears = xp.matmul(arrays.array(np.c_[EARS, np.ones(4)])[None], fitted)
    out = across / size[:, None]
    seen = [_ear_seen(xp, points, ears, out, size, s) for s in (0, 1)]
    return HeadPose(
        across, down, towards, origin, size, lean, ears, xp.stack(seen, axis=-1)
    )


def _ear_seen(xp: Any, points: Any, ears: Any, out: Any, size: Any, side: int) -> Any:
    """(N,) 1 where an ear stands out beyond the rim of the head, else 0."""
    out = out * (1 if side else -1)
    rim = (points[:, _RIMS[side]] * out[:, None]).sum(-1)
    past = (ears[:, 2 * side] * out).sum(-1) - xp.max(rim, axis=-1)
    return xp.where(past > -_HIDDEN * size, size * 0 + 1, size * 0)


def ears_on_skin(arrays: Any, spline: SkinSpline, pose: HeadPose) -> Any:
    """(N, 4, 2) canonical places where the skin map shows the roots of the ears."""
    x, y = skin_map(arrays, spline, pose.ears[..., 0], pose.ears[..., 1])
    corners = [arrays.xp.stack([x[:, k, k], y[:, k, k]], axis=-1) for k in range(4)]
    return arrays.xp.stack(corners, axis=1)


def grid_places(low: float, high: float) -> Float32:
    """Nodes from `low` to `high` px, both included, evenly spaced."""
    count = max(2, int((high - low) / _GRID_PX))
    return np.linspace(low, high, count + 1, dtype=np.float32)


def canonical_places(
    arrays: Any,
    pose: HeadPose,
    spline: SkinSpline | None,
    nodes: tuple[Float32, Float32],
) -> tuple[Any, Any]:
    """Canonical x and y, (N, R, C), of places of a picture.

    Args:
        spline: of the skin; None takes the head as a flat plate.
        nodes: px of the columns and of the rows.
    """
    columns, rows = (arrays.array(places)[None] for places in nodes)
    if spline is None:
        return rigid_map(arrays, pose, columns, rows)
    return skin_map(arrays, spline, columns, rows)


def rigid_map(arrays: Any, pose: HeadPose, columns: Any, rows: Any) -> tuple[Any, Any]:
    """Canonical x and y, (N, R, C), as if the face were a flat plate.

    Args:
        columns: (N, C) or (1, C) px of the picture; rows: (N, R) or (1, R) px.
    """
    dx = columns[:, None, :] - pose.origin[:, 0][:, None, None]
    dy = rows[:, :, None] - pose.origin[:, 1][:, None, None]
    a, b = (pose.across[:, axis][:, None, None] for axis in (0, 1))
    c, d = (pose.down[:, axis][:, None, None] for axis in (0, 1))
    area = a * d - b * c
    area = arrays.xp.where(arrays.xp.abs(area) < 1e-3, area * 0 + 1e-3, area)
    return (d * dx - c * dy) / area, (a * dy - b * dx) / area


@dataclass(frozen=True, eq=False)
class SkinSpline:
    """Thin-plate splines from pictures onto the canonical face, N of them.

    Attributes:
        middle: (N, 1, 2) px; scale: (N, 1, 1) px; of the knots' frame.
        knots: (N, K, 2); weights: (N, K + 3, 2).
    """

    middle: Any
    scale: Any
    knots: Any
    weights: Any


def skin_spline(arrays: Any, points: Any) -> SkinSpline:
    """The splines of (N, 68, 2) landmarks, px.

    Source: Bookstein, "Principal warps", PAMI 1989; the smoothing is Wahba's.
    """
    xp = arrays.xp
    source = points[:, _ANCHORS.tolist()]
    middle = xp.mean(source, axis=1)[:, None]
    spread = source - middle
    scale = xp.sqrt(xp.mean(spread * spread, axis=(1, 2)))[:, None, None] + 1e-9
    knots = spread / scale
    return SkinSpline(middle, scale, knots, _spline_weights(arrays, knots))


def skin_map(
    arrays: Any, spline: SkinSpline, columns: Any, rows: Any
) -> tuple[Any, Any]:
    """Canonical x and y, (N, R, C), of the skin that is seen in each place.

    Args:
        columns: (N, C) or (1, C) px of the picture; rows: (N, R) or (1, R) px.
    """
    xp = arrays.xp
    knots, weights = spline.knots, spline.weights
    across = (columns - spline.middle[:, :, 0]) / spline.scale[:, 0]
    down = (rows - spline.middle[:, :, 1]) / spline.scale[:, 0]
    # Squared distances split by axis: (N, R, 1, K) and (N, 1, C, K).
    dx = across[:, None, :, None] - knots[:, None, None, :, 0]
    dy = down[:, :, None, None] - knots[:, None, None, :, 1]
    squared = dx * dx + dy * dy
    kernel = squared * xp.log(squared + 1e-9)
    bent = xp.matmul(kernel, weights[:, None, :-3])
    flat = (
        weights[:, -3][:, None, None]
        + across[:, None, :, None] * weights[:, -2][:, None, None]
        + down[:, :, None, None] * weights[:, -1][:, None, None]
    )
    both = bent + flat
    return both[..., 0], both[..., 1]


def _spline_weights(arrays: Any, knots: Any) -> Any:
    """(N, K + 3, 2): K bends, then the constant and the two slopes."""
    xp = arrays.xp
    count = len(_ANCHORS)
    between = knots[:, :, None] - knots[:, None]
    squared = (between * between).sum(-1)
    bend = squared * xp.log(squared + 1e-9) + arrays.array(_STIFFNESS * np.eye(count))
    ones = xp.ones_like(knots[..., :1])
    flat = xp.concat([ones, knots], axis=-1)
    corner = xp.zeros_like(flat[:, :3, :3])
    upper = xp.concat([bend, flat], axis=2)
    lower = xp.concat([xp.permute_dims(flat, (0, 2, 1)), corner], axis=2)
    system = xp.concat([upper, lower], axis=1)
    wanted = np.zeros((1, count + 3, 2), np.float32)
    wanted[0, :count] = CANONICAL_FACE[_ANCHORS]
    wanted = arrays.array(np.repeat(wanted, len(knots), axis=0))
    double = xp.astype(system, xp.float64), xp.astype(wanted, xp.float64)
    return xp.astype(xp.linalg.solve(*double), xp.float32)
