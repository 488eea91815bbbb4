"""What is measured on one masked face: rim, fit, light and ends of straps.

Everything works on two pictures and landmarks, so that a peer's masks can be
measured like ours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from benchmarks.masks.quality_photos import Mask, MaskedPair, linear_luma, luma
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import MOUTH, Float32, Landmarks
from masking.rendering.render import PARTS

CHIN = (7, 8, 9)
# The jaw from below the ears' lobes on: higher up no mask has to reach.
JAW_SIDES = (4, 5, 6, 10, 11, 12)
# Landmarks that the canonical face is fitted by: all but brows, eyelids and mouth.
_FIT = np.r_[0:17, 27:36, 36, 39, 42, 45]
NOSE_TIP, NOSE_BASE, UPPER_LIP, LOWER_LIP = 30, 33, 51, 57
# A crooked mask is turned by at least 7 degrees, others by at most 5.7; outlines and
# landmarks are off by about 1.
_CROOKED_DEG, _STRAIGHT_DEG = 6.0, 7.0
# Fractions of the face's width: depth of the rim, from where on the mask itself is
# looked at, and how far around a rim pixel.
_RIM, _INNER, _AROUND = 0.04, 0.06, 0.12
# Brighter by more than JPEG's ringing, of 255.
_BRIGHTER = 6.0


def bright_rim(pair: MaskedPair) -> tuple[int, int]:
    """Rim pixels that are brighter than both layers, and how many were looked at.

    The rim is the outermost 4% of the face's width of `pair.area`, halo and contact
    shadow included. Its lower layer is the unmasked picture there (brightest of 3 x 3),
    its upper layer the mask next to it: the brightest of the masked picture 6% or
    more inside of the outline and less than 12% away. A blend of two layers lies
    between them; a halo lies above both by more than 6 of 255. Shadows are darker
    than the lower layer and never count.
    """
    inside = pair.area.astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    worn, unmasked = luma(pair.masked), luma(pair.unmasked)
    rim_px, inner_px = max(2.0, _RIM * pair.face_px), _INNER * pair.face_px
    around = 2 * round(_AROUND * pair.face_px) + 1
    fabric = np.where(depth > inner_px, worn, -1).astype(np.float32)
    upper = np.asarray(cv2.dilate(fabric, np.ones((around, around), np.uint8)))
    lower = np.asarray(cv2.dilate(unmasked, np.ones((3, 3), np.uint8)))
    near = pair.area & (depth <= rim_px) & (upper >= 0)
    rim = _within_picture(near)
    bright = rim & (worn > np.maximum(lower, upper) + _BRIGHTER)
    return int(bright.sum()), int(rim.sum())


def _within_picture(area: Mask) -> Mask:
    """Without the picture's border, which is no rim of a mask."""
    kept = np.zeros_like(area)
    kept[3:-3, 3:-3] = area[3:-3, 3:-3]
    return kept


def cover(pair: MaskedPair) -> Mask:
    """(H, W) what hides the face: by the engine's own parts, else `pair.area`."""
    if pair.sample is None:
        return pair.area
    hiding = [PARTS.index(part) for part in ("fabric", "valve", "visor")]
    return np.asarray(np.isin(pair.sample.parts, hiding))


def covered(pair: MaskedPair, points: tuple[int, ...]) -> list[bool]:
    """Whether each landmark that lies in the picture is behind the mask."""
    return _at(cover(pair), pair.landmarks.points[list(points)])


def _at(area: Mask, points: Float32) -> list[bool]:
    columns, rows = np.rint(points).astype(int).T
    height, width = area.shape
    seen = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    return [bool(value) for value in area[rows[seen], columns[seen]]]


def style_is_true(pair: MaskedPair) -> bool:
    """Whether the pixels show what the label says of how the mask is worn.

    By landmarks: tip and base of the nose, both lips, the point of the chin; a
    landmark outside of the picture contradicts nothing. "crooked" is turned by 6
    degrees or more, "correct" by 7 or less.

    Raises:
        ValueError: a peer's picture, which has no label.
    """
    if pair.sample is None:
        raise ValueError(f"{pair.name}: a peer's picture has no wearing style label")
    wearing_style = pair.sample.specs[0].wearing_style
    nose = covered(pair, (NOSE_TIP, NOSE_BASE))
    mouth = covered(pair, (UPPER_LIP, LOWER_LIP))
    chin = covered(pair, (8,))
    if wearing_style == "nose_out":
        return not any(nose) and all(mouth + chin)
    if wearing_style == "nose_and_mouth_out":
        return not any(nose + mouth) and all(chin)
    if wearing_style == "chin_out":
        return all(nose + mouth) and not any(chin)
    turned = abs(tilt_deg(pair))
    fits = (
        turned >= _CROOKED_DEG
        if wearing_style == "crooked"
        else turned <= _STRAIGHT_DEG
    )
    return all(nose + mouth + chin) and fits


def tilt_deg(pair: MaskedPair) -> float:
    """Turn of the mask against the face, degrees; 0 where it cannot be seen.

    The turn that makes the outline most like its own mirror image, on the canonical
    face, onto which a thin-plate spline through the landmarks brings it.
    """
    outlines, _ = cv2.findContours(
        cover(pair).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not outlines:
        return 0.0
    places = max(outlines, key=len)[:, 0]
    # Fractions of the face, so that the smoothing is the same at every size.
    points = pair.landmarks.points[_FIT] / pair.face_px
    to_face = RBFInterpolator(points, CANONICAL_FACE[_FIT], smoothing=1e-3)
    return _turn_of(np.asarray(to_face(places / pair.face_px), dtype=np.float32))


def _turn_of(outline: Float32) -> float:
    """Degrees by which a shape, (N, 2) face squares, is turned from symmetry."""
    side, scale = 161, 80.0
    canvas = np.zeros((side, side), np.uint8)
    corners = (outline - outline.mean(axis=0)) * scale + side // 2
    cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], 255)
    rows, columns = np.nonzero(canvas)
    if len(rows) == 0:
        return 0.0
    middle = (float(columns.mean()), float(rows.mean()))
    likeness = {}
    for turn in np.arange(-18, 18.1, 0.5):
        matrix = cv2.getRotationMatrix2D(middle, float(turn), 1)
        matrix[:, 2] += side // 2 - np.array(middle)
        turned = np.asarray(cv2.warpAffine(canvas, matrix, (side, side)), np.float32)
        mirror = turned[:, ::-1]
        both, either = np.minimum(turned, mirror), np.maximum(turned, mirror)
        likeness[float(turn)] = float(both.sum() / either.sum())
    return max(likeness, key=lambda turn: likeness[turn])


def canonical_affine(landmarks: Landmarks) -> NDArray[np.float64]:
    """(2, 3) matrix from photo px to the canonical face; least squares."""
    points = landmarks.points[_FIT].astype(float)
    ones = np.ones((len(points), 1))
    solved, *_ = np.linalg.lstsq(
        np.hstack([points, ones]), CANONICAL_FACE[_FIT].astype(float), rcond=None
    )
    return np.asarray(solved.T)


def light(pair: MaskedPair) -> tuple[float, float, float] | None:
    """How the mask's light follows the skin's below it; None = too little to see.

    Both pictures' linear luma is smoothed (standard deviation 6% of the face's
    width) inside of the mask, away from its rim, on the skin of the face without
    mouth and nostrils; its logarithm is light plus a constant where the fabric has
    no print.

    Returns:
        Pearson correlation over the pixels, then the left-right difference (mean
        logarithm on the left half less the right half) of the skin and of the mask.
    """
    where = _skin_below(pair)
    if where.sum() < 200:
        return None
    sigma = 0.06 * pair.face_px
    skin, fabric = (_smooth_log(image, where, sigma) for image in _linear(pair))
    rows, columns = np.nonzero(where)
    to_face = canonical_affine(pair.landmarks)
    left = to_face[0, :2] @ np.stack([columns, rows]) + to_face[0, 2] < 0.5
    if left.sum() < 50 or (~left).sum() < 50:
        return None
    halves = [float(v[left].mean() - v[~left].mean()) for v in (skin, fabric)]
    return correlation(skin, fabric), halves[0], halves[1]


def correlation(one: NDArray[np.floating], two: NDArray[np.floating]) -> float:
    """Pearson's; 0 where one does not vary, such as a mask without any light."""
    if min(one.std(), two.std()) < 1e-6:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _linear(pair: MaskedPair) -> tuple[Float32, Float32]:
    return linear_luma(pair.unmasked), linear_luma(pair.masked)


def _skin_below(pair: MaskedPair) -> Mask:
    points = pair.landmarks.points
    face = _filled(pair.area.shape, np.vstack([points[:17], points[27:28]]))
    hole = _filled(pair.area.shape, np.vstack([points[MOUTH], points[31:36]]))
    widened = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8))
    edge = max(3, round(0.04 * pair.face_px))
    inner = cv2.erode(
        pair.area.astype(np.uint8), np.ones((2 * edge + 1, 2 * edge + 1), np.uint8)
    )
    return np.asarray((inner > 0) & face & (widened == 0))


def _filled(shape: tuple[int, ...], points: Float32) -> Mask:
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.rint(points).astype(np.int32))
    return np.asarray(cv2.fillPoly(canvas, [hull], 1), dtype=bool)


def _smooth_log(linear: Float32, where: Mask, sigma: float) -> Float32:
    """Logarithm of the mean around each pixel of `where`, of pixels in it alone."""
    weight = where.astype(np.float32)
    total = cv2.GaussianBlur(linear * weight, (0, 0), sigma)
    fraction = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(np.log(total[where] / fraction[where] + 1e-3), dtype=np.float32)


# Kinds that hang on the ears; the bands of the others go round the head.
EAR_LOOPS = ("surgical", "cloth", "kn95")
# Landmarks that do not slide over the head when it turns, with their depths in
# face squares towards the camera; x and y are those of the canonical face.
_DEPTHS = {
    36: -0.24, 39: -0.20, 42: -0.20, 45: -0.24, 27: -0.14, 28: -0.08, 29: -0.02,
    30: 0.05, 31: -0.12, 33: -0.06, 35: -0.12, 48: -0.22, 54: -0.22, 8: -0.20,
}  # fmt: skip
# One ear as (x - 0.5, y, depth): where it joins the head above, its rim above and
# below, and the lobe. Set by eye on 12 LFW DevTrain faces turned by up to 49
# degrees, which it fits to about 3% of the face's width.
_EAR = np.array(
    [
        (0.60, 0.26, -0.95),
        (0.67, 0.30, -1.05),
        (0.66, 0.58, -1.02),
        (0.59, 0.70, -0.92),
    ]
)
# Pixels of the smallest piece of strap.
_CRUMB_PX = 5
# Distance of the camera that pictures are taken from, in face squares.
_CAMERA = 14.0


def ear_corners(landmarks: Landmarks) -> NDArray[np.float64]:
    """(2, 4, 2) corners (x, y) px of the person's right and left ear.

    A rigid head is turned so that its landmarks fall on the face's; its ears are
    then seen where the face's are, or hidden behind the head.
    """
    model = np.array(
        [(CANONICAL_FACE[i, 0] - 0.5, CANONICAL_FACE[i, 1], -z) for i, z in
         _DEPTHS.items()]
    )  # fmt: skip
    points = landmarks.points[list(_DEPTHS)].astype(float)
    scale = np.linalg.norm(points.std(axis=0)) / np.linalg.norm(model[:, :2].std(0))
    focal = _CAMERA * scale
    middle = points.mean(axis=0)
    lens = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1.0]])
    start = np.array([0.0, -float(model[:, 1].mean()), _CAMERA])
    _, turn, shift = cv2.solvePnP(
        model, points, lens, None, np.zeros(3), start, True, cv2.SOLVEPNP_ITERATIVE
    )
    ears = np.stack([_EAR * [side, 1, -1] for side in (-1, 1)]).reshape(-1, 3)
    seen, _ = cv2.projectPoints(ears, turn, shift, lens, None)
    return np.asarray(seen, dtype=np.float64).reshape(2, 4, 2)


def strap_gaps(pair: MaskedPair) -> list[float]:
    """How far straps are from the ears that they should hang on, one gap a side.

    A fraction of the face's width; 0 = the strap reaches the ear and ends there. The
    gap is the distance from the ear to the nearest pixel of the side's straps (of
    the mask itself where there is none), or how far they go on outwards beyond the
    ear, whichever is more. Only of masks that hang on the ears, and of ears that
    can be seen: that reach beyond the outline of the jaw. A peer's pictures do not
    tell straps from mask: none there.
    """
    sample = pair.sample
    if sample is None or sample.specs[0].kind not in EAR_LOOPS:
        return []
    worn = _places((sample.parts > 0) & (sample.parts != PARTS.index("occluder")))
    strap = _places(_without_crumbs(sample.parts == PARTS.index("strap")))
    points = pair.landmarks.points
    axis = (points[16] - points[0]) / np.linalg.norm(points[16] - points[0])
    middle = points[27:31].mean(axis=0)
    gaps = []
    for side, ear in zip((-1, 1), ear_corners(pair.landmarks), strict=True):
        outward = side * axis
        jaw = points[:3] if side < 0 else points[14:17]
        rim = float((ear @ outward).max())
        if rim <= (jaw @ outward).max():
            continue
        own, all_worn = (p[(p - middle) @ outward > 0] for p in (strap, worn))
        ends = own if len(own) else all_worn
        if len(ends) == 0:
            continue
        quad = cv2.convexHull(ear.astype(np.float32))
        near = min(-cv2.pointPolygonTest(quad, tuple(p), True) for p in ends.tolist())
        gap = max(0.0, near, float((ends @ outward).max()) - rim)
        gaps.append(gap / pair.face_px)
    return gaps


def _without_crumbs(area: Mask) -> Mask:
    """Without pieces of a few pixels, which are the rim of a mask and no strap."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= _CRUMB_PX
    large[0] = False
    return np.asarray(large[labels])


def _places(area: Mask) -> NDArray[np.float64]:
    """(N, 2) (x, y) px of the pixels of an area."""
    rows, columns = np.nonzero(area)
    return np.stack([columns, rows], axis=1).astype(float)
