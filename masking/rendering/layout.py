"""Where the places of a picture lie on what is worn, and that in the picture.

One definition for numpy and torch (see `numpy_backend`). Maps are (N, h, w).

Where skin and relief are seen is smooth: it is evaluated every few pixels, outlines
twice as densely, and both are spread by linear interpolation. Straps are thinner than
that and are followed pixel by pixel, in the few places where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from masking.landmarks import Float32
from masking.masks.outline import ANGLES
from masking.rendering.parameters import EAR_BOTTOM, FACE, Parameters

Box = tuple[slice, slice]
# Width of the contact shadows of masks and straps, face squares: there they take
# 1% of the light.
SHADOW_REACH, STRAP_SHADOW_REACH = 0.075, 0.03
# Below it what stands off the skin is not moved.
_LEAST_LEAN = 0.03


@dataclass(frozen=True, eq=False)
class Layout:
    """Maps over the nodes of a grid, (N, R, C).

    Attributes:
        columns, rows: px of the nodes, evenly spaced.
        x, y: canonical places of what is seen there, the bare skin around the mask.
        u, v: in the frame of the mask.
        depth: distance to the outline, face squares, positive inside.
        edge: the same in px.
        straps: distance to the nearest segment of each group in `groups`.
        groups: numbers of the segments that lie near each other.
        segments: see `seen_segments`.
    """

    columns: Float32
    rows: Float32
    x: Any
    y: Any
    u: Any
    v: Any
    depth: Any
    edge: Any
    straps: list[Any]
    groups: list[list[int]]
    segments: Segments

    def row(self, number: int) -> Layout:
        """One of the N, as a layout of one."""
        one = slice(number, number + 1)
        return Layout(
            self.columns,
            self.rows,
            self.x[one],
            self.y[one],
            self.u[one],
            self.v[one],
            self.depth[one],
            self.edge[one],
            [straps[one] for straps in self.straps],
            self.groups,
            tuple(values[one] for values in self.segments),
        )


def laid_out(
    arrays: Any,
    mask: Parameters,
    look: Looks,
    at: tuple[Any, Any],
    lean: Any,
    nodes: tuple[Float32, Float32],
) -> Layout:
    """Lay masks onto faces.

    Args:
        at: canonical x and y, (N, r, c), of the nodes.
        lean: (N, 2), see `lifted`.
        nodes: px of the columns (c,) and of the rows (r,). The layout has one more
            between any two of them.
    """
    xp = arrays.xp
    x, y = at
    if float(xp.max(xp.abs(lean))) > _LEAST_LEAN:
        x, y = lifted(arrays, mask, x, y, lean)
    halves = [np.arange(2 * len(places) - 1, dtype=np.float32) / 2 for places in nodes]
    x, y = arrays.spread((x, y), halves[1], halves[0])
    columns, rows = (
        np.linspace(places[0], places[-1], len(half), dtype=np.float32)
        for places, half in zip(nodes, halves, strict=True)
    )
    nodes = columns, rows
    frame = frame_of(arrays, mask, x, y)
    depth = frame.depth
    groups = _groups(mask)
    seen = seen_segments(xp, mask, look)
    straps = [strap_depth(xp, seen, x, y, group) for group in groups]
    if groups and any(spec.kind == "hand" for spec in mask.specs):
        # Fingers are part of the hand and not straps of it.
        fingers = xp.where(wide(mask.limbs) > 0, straps[0], depth)
        depth = xp.maximum(depth, fingers)
    edge = _in_px(xp, depth, nodes)
    return Layout(*nodes, x, y, frame.u, frame.v, depth, edge, straps, groups, seen)


def _groups(mask: Parameters) -> list[list[int]]:
    """Segments of the middle, the right and the left.

    A segment that lies in several of them is in the first: none is rendered twice.
    """
    count = mask.segments.shape[1]
    sides = [set(mask.sides[piece]) for piece in range(count)]
    left = list(range(count))
    groups = []
    for side in (0, -1, 1):
        group = [k for k in left if side in sides[k]]
        left = [k for k in left if k not in group]
        groups += [group] if group else []
    return groups


def _in_px(xp: Any, depth: Any, nodes: tuple[Float32, Float32]) -> Any:
    """Distance to the outline in px: the map may be stretched on a turned head."""
    step_x, step_y = (float(places[1] - places[0]) for places in nodes)
    across = (depth[:, 1:, 1:] - depth[:, 1:, :-1]) * (1 / step_x)
    down = (depth[:, 1:, 1:] - depth[:, :-1, 1:]) * (1 / step_y)
    steep = xp.sqrt(across * across + down * down)
    steep = xp.concat([steep[:, :1], steep], axis=1)
    steep = xp.concat([steep[:, :, :1], steep], axis=2)
    return depth / xp.clip(steep, 1e-4, 10.0)


def touched(arrays: Any, layout: Layout, blur: float, size: float) -> Box | None:
    """Rows and columns of the picture that mask, straps, shadow and blur reach.

    Args:
        blur: the widest, face squares.
        size: px of the smallest face square.
    """
    step = float(layout.columns[1] - layout.columns[0]) / size
    reached = layout.depth > -(SHADOW_REACH + 4 * blur + step)
    for straps in layout.straps:
        reached = reached | (straps > -(STRAP_SHADOW_REACH + 4 * blur + step))
    return _box(arrays, layout, reached)


def strap_box(arrays: Any, layout: Layout, group: int, size: float) -> Box | None:
    """Rows and columns of the picture near the segments of a group."""
    step = float(layout.columns[1] - layout.columns[0]) / size
    near = layout.straps[group] > -(STRAP_SHADOW_REACH + step)
    return _box(arrays, layout, near)


def body_box(arrays: Any, layout: Layout) -> Box | None:
    """Rows and columns of the picture that hold all of what is inside of outlines."""
    # A pixel is partly inside up to half a pixel from the outline.
    return _box(arrays, layout, layout.edge > -0.5)


def _box(arrays: Any, layout: Layout, reached: Any) -> Box | None:
    flags = arrays.numpy(reached).any(axis=0)
    rows, columns = np.flatnonzero(flags.any(1)), np.flatnonzero(flags.any(0))
    if len(rows) == 0:
        return None
    return _between(layout.rows, rows), _between(layout.columns, columns)


def _between(places: Float32, reached: np.ndarray) -> slice:
    """Whole px from the place before the first that is reached to that after it."""
    first = places[max(reached[0] - 1, 0)]
    last = places[min(reached[-1] + 1, len(places) - 1)]
    return slice(int(np.floor(first)), max(int(last), int(first) + 2) + 1)


def overlap(inner: Box, outer: Box) -> tuple[slice, slice, Box]:
    """What two boxes share: rows and columns from the outer's corner, and the box."""
    rows, columns = within(inner, outer)
    top, left = outer[0].start, outer[1].start
    shared = (
        slice(rows.start + top, rows.stop + top),
        slice(columns.start + left, columns.stop + left),
    )
    return rows, columns, shared


def within(inner: Box, outer: Box) -> Box:
    """Part of a box inside of another one, in px of the other's corner."""
    rows, columns = (
        slice(
            max(one.start, other.start) - other.start,
            max(min(one.stop, other.stop) - other.start, 0),
        )
        for one, other in zip(inner, outer, strict=True)
    )
    return rows, columns


def spread(arrays: Any, maps: Sequence[Any], layout: Layout, box: Box) -> list[Any]:
    """(N, h, w) values of (N, R, C) maps at the pixels of a box."""
    at = [
        (np.arange(part.start, part.stop, dtype=np.float32) - places[0])
        / (places[1] - places[0])
        for part, places in zip(box, (layout.rows, layout.columns), strict=True)
    ]
    found: list[Any] = arrays.spread(maps, at[0], at[1])
    return found


# No mask stands further off the skin, face squares.
_HIGHEST = 0.30
_STEPS, _SEARCHED_LEAN = 6, 0.3
_STEEPEST = 0.9
# Less of a strap than this fraction is under hair with the rest.
_LEAST_SHOWN = 0.15


@dataclass(frozen=True, eq=False)
class Looks:
    """What `mask_light.PhotoLook` holds, of N photographs, as arrays.

    Attributes:
        ears: (N, 4, 2) canonical places of the ears' roots, see `ears_on_skin`.
        ears_seen: (N, 2) 1 or 0, whether the right and the left are in front of the
            head; ears_bare: (N, 4), see `PhotoLook.ears`.
    """

    shading: Any
    light: Any
    skin: Any
    saturation: Any
    blur: Any
    grain: Any
    ears: Any
    ears_seen: Any
    ears_bare: Any

    def row(self, number: int) -> Looks:
        """One of the N, as arrays of one."""
        one = slice(number, number + 1)
        return Looks(*(values[one] for values in vars(self).values()))


# See `seen_segments`.
Segments = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """Where places lie in the frame of each mask.

    Attributes:
        u, v: (N, h, w) coordinates in the mask's own frame.
        depth: (N, h, w) distance to the outline, face squares, positive inside.
    """

    u: Any
    v: Any
    depth: Any


def frame_of(arrays: Any, mask: Parameters, x: Any, y: Any) -> Frame:
    """Mask coordinates and distance to the outline of (N, h, w) canonical places.

    The distance is exact on the outline and to first order near it, which is where
    it is used.
    """
    xp = arrays.xp
    if mask.some_mirrored:
        x = x + wide(mask.mirrored) * (xp.abs(x - 0.5) + 0.5 - x)
    dx, dy = x - wide(mask.centre[:, 0]), y - wide(mask.centre[:, 1])
    cosine, sine = wide(mask.turn[:, 0]), wide(mask.turn[:, 1])
    u, v = cosine * dx + sine * dy, cosine * dy - sine * dx
    place = (xp.atan2(v, u) * (1 / (2 * np.pi)) + 0.5) * ANGLES
    reach = xp.sqrt(u * u + v * v)
    radius, slope = arrays.interpolated((mask.radius, mask.slope), place)
    depth = (radius - reach) * slope
    return Frame(u, v, depth)


def lifted(arrays: Any, mask: Parameters, x: Any, y: Any, lean: Any) -> tuple[Any, Any]:
    """Places whose surface is seen at (N, h, w) places of the skin.

    A surface h above the skin at c hides the skin at c + h lean. The line of sight is
    followed from _HIGHEST down until it meets the mask (Kaneko et al., "Detailed shape
    representation with parallax mapping", ICAT 2001, with a search along the line).

    Args:
        lean: (N, 2) canonical shift of what stands one face square off the skin.
    """
    xp = arrays.xp
    lean_x, lean_y = wide(lean[:, 0]), wide(lean[:, 1])
    behind = wide(mask.behind)
    x, y = x + lean_x * behind, y + lean_y * behind
    found, sight = xp.zeros_like(x), ((x, lean_x), (y, lean_y))
    # On nearly frontal heads nothing hides anything: the search would find the skin.
    turned = wide(xp.max(xp.abs(lean), axis=-1)) > _SEARCHED_LEAN
    steps = _STEPS if bool(xp.any(turned)) else 0
    heights = [_HIGHEST * (1 - step / _STEPS) for step in range(steps)]
    if heights:
        # One below the other: a call a step would take most of the time.
        on_the_way = [[a - lean * h for h in heights] for a, lean in sight]
        tall = (xp.concat(places, axis=1) for places in on_the_way)
        above = _height(arrays, mask, *tall)
    for step, height in enumerate(heights):
        own = above[:, step * x.shape[1] : (step + 1) * x.shape[1]]
        hit = turned & (found == 0) & (own >= height)
        found = xp.where(hit, own, found)
    for _ in range(2):
        found = _height(arrays, mask, x - lean_x * found, y - lean_y * found)
    return x - lean_x * found, y - lean_y * found


def _height(arrays: Any, mask: Parameters, x: Any, y: Any) -> Any:
    frame = frame_of(arrays, mask, x, y)
    rise = arrays.rises(mask.surfaces, frame.u, frame.v)
    # At its edge a mask lies on the skin, and rises no steeper than this from it:
    # steeper, the line of sight would meet it twice.
    return arrays.xp.minimum(rise, _STEEPEST * arrays.xp.clip(frame.depth, 0, 1))


def strap_depth(xp: Any, seen: Segments, x: Any, y: Any, pieces: list[int]) -> Any:
    """Distance to the rim of the nearest segment, positive on it, (N, h, w).

    Args:
        x, y: (N, h, w) canonical places.
        pieces: which segments.
    """
    own = [values[:, pieces][:, :, None, None] for values in seen]
    x0, y0, way_x, way_y, length, half, bend = own
    dx, dy = x[:, None] - x0, y[:, None] - y0
    # Across and beyond the ends of each piece, which hangs as a parabola.
    along = dx * way_x + dy * way_y
    inside = xp.minimum(xp.maximum(along, 0 * length), length)
    across = dx * way_y - dy * way_x - bend * inside * (length - inside)
    beyond = along - inside
    depth = half - xp.sqrt(across * across + beyond * beyond)
    return xp.max(depth, axis=1)


def seen_segments(xp: Any, mask: Parameters, look: Looks) -> Segments:
    """The segments of each mask, led to the ears of each face.

    Returns:
        Starts x and y, directions x and y, lengths, half widths, and how far they
        hang per square of the length, (N, S) each; the half width is -1 where a piece
        is hidden.
    """
    x0, y0, x1, y1, half, side, ends_at, sag = (
        mask.segments[:, :, k] for k in range(8)
    )
    right, top = side < 0, ends_at != EAR_BOTTOM
    at_ear = []
    for axis, end in enumerate((x1, y1)):
        roots = look.ears[:, :, axis]
        upper = xp.where(right, roots[:, 0:1], roots[:, 2:3])
        lower = xp.where(right, roots[:, 1:2], roots[:, 3:4])
        at_ear.append(xp.where(ends_at > 0, end + xp.where(top, upper, lower), end))
    x1, y1 = at_ear
    seen = xp.where(right, look.ears_seen[:, 0:1], look.ears_seen[:, 1:2])
    # An ear inside of the face is behind it.
    out = xp.where(right, x0 - x1, x1 - x0) > -0.06
    hidden = (side != 0) & ((seen < 0.5) | ~out)
    # Once under hair a strap stays there.
    bare = look.ears_bare
    upper = xp.where(right, bare[:, 0:1], bare[:, 2:3])
    lower = xp.where(right, bare[:, 1:2], bare[:, 3:4])
    shown = xp.where(ends_at > FACE, xp.where(top, upper, lower), upper * 0 + 1)
    hidden = hidden | (shown < _LEAST_SHOWN)
    shown = xp.clip(shown, _LEAST_SHOWN, 1)
    way_x, way_y = (x1 - x0) * shown, (y1 - y0) * shown
    length = xp.sqrt(way_x * way_x + way_y * way_y)
    width = xp.where(hidden, half * 0 - 1, half)
    bend = 4 * sag / (length * length)
    return x0, y0, way_x / length, way_y / length, length, width, bend


def wide(values: Any) -> Any:
    """(N,) as (N, 1, 1)."""
    return values[:, None, None]
