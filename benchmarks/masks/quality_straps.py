"""Where the ears are, and how far from them the straps of a synthetic mask end."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.masks.quality_photos import Mask, MaskedPair
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks
from masking.rendering.render import PARTS

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
