"""Where the places of a picture lie on what is worn: shape, relief and straps.

One definition for numpy and torch (see `render_arrays`). Maps are (N, h, w).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from masking.masks.outline import ANGLES
from masking.masks.straps import EAR_BOTTOM, FACE
from masking.rendering.parameters import Parameters

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
