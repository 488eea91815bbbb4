"""From the nodes of a grid to pixels: where a mask and its straps lie in a picture.

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
from masking.rendering.frames import (
    Looks,
    Segments,
    frame_of,
    lifted,
    seen_segments,
    strap_depth,
    wide,
)
from masking.rendering.parameters import Parameters

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
