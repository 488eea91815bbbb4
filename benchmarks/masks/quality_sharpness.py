"""How sharp a synthetic mask is beside the face that it is rendered on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.masks.quality_photos import MaskedPair, luma
from masking.landmarks import LEFT_EYE, RIGHT_EYE, Float32

_STEP_PX = 0.5
_REACH_PX = 8.0
# Edges below this contrast, of 255, are lost in noise and fabric.
_CONTRAST = 24.0


def sharpness_ratio(pair: MaskedPair) -> float | None:
    """Width of the face's sharpest edges over the width of the mask's outline.

    1 = the mask is as sharp as the photograph, 2 = twice as sharp, 0.5 = half. Width
    is that of a blurred step (`edge_widths`). The face's are the sharpest quarter of
    the strong edges around the eyes; the mask's is the median along its outline.
    None where there are fewer than 12 such edges.
    """
    worn = luma(pair.masked)
    eyes = edge_widths(worn, *_eye_edges(pair, worn))
    rim = edge_widths(worn, *_outline(pair))
    if len(eyes) < 12 or len(rim) < 12:
        return None
    return float(np.percentile(eyes, 25) / np.median(rim))


def edge_widths(picture: Float32, points: Float32, normals: Float32) -> Float32:
    """Standard deviation, px, of the blur of step edges; weak edges are left out.

    A step of height h blurred by sigma has the slope h / (sigma sqrt(2 pi)). The
    height is that of the monotone run through the steepest place near the point.

    Args:
        picture: (H, W) float32.
        points: (N, 2) (x, y) px, near the edges.
        normals: (N, 2) unit vectors across the edges.
    """
    if len(points) == 0:
        return np.zeros(0, np.float32)
    offsets = np.arange(-_REACH_PX, _REACH_PX + 1e-6, _STEP_PX, dtype=np.float32)
    at = points[:, None] + offsets[None, :, None] * normals[:, None]
    profiles = cv2.remap(
        picture,
        np.ascontiguousarray(at[..., 0], dtype=np.float32),
        np.ascontiguousarray(at[..., 1], dtype=np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    widths = [_width(profile) for profile in np.asarray(profiles, dtype=np.float64)]
    return np.array([width for width in widths if width is not None], np.float32)


def _width(profile: NDArray[np.float64]) -> float | None:
    rise = np.diff(profile)
    middle = len(rise) // 2
    near = slice(middle - 6, middle + 6)  # 3 px to either side
    peak = near.start + int(np.abs(rise[near]).argmax())
    uphill = rise * np.sign(rise[peak]) > 0
    low, high = peak, peak + 1
    while low > 0 and uphill[low - 1]:
        low -= 1
    while high < len(rise) and uphill[high]:
        high += 1
    contrast = abs(profile[high] - profile[low])
    if contrast < _CONTRAST:
        return None
    slope = abs(float(rise[peak])) / _STEP_PX
    return max(0.3, float(contrast) / (slope * float(np.sqrt(2 * np.pi))))


def _eye_edges(pair: MaskedPair, worn: Float32) -> tuple[Float32, Float32]:
    """Places of the steepest slopes around the eyes, and their directions."""
    points = pair.landmarks.points[RIGHT_EYE.start : LEFT_EYE.stop]
    margin = 0.25 * pair.landmarks.interocular_px
    left, top = np.maximum(points.min(axis=0) - margin, 1).astype(int)
    right, bottom = (points.max(axis=0) + margin).astype(int)
    across = cv2.Sobel(worn, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(worn, cv2.CV_32F, 0, 1)
    steep = np.hypot(across, down)
    steep[pair.area] = 0
    window = steep[top : bottom + 1, left : right + 1]
    if window.size < 50:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    peaks = (window == cv2.dilate(window, np.ones((3, 3), np.uint8))) & (
        window >= np.percentile(window, 90)
    )
    rows, columns = np.nonzero(peaks & (window > 0))
    rows, columns = rows + top, columns + left
    normals = np.stack([across[rows, columns], down[rows, columns]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.stack([columns, rows], axis=1).astype(np.float32), normals


def _outline(pair: MaskedPair) -> tuple[Float32, Float32]:
    """Every second pixel of the mask's outline, and the directions across it."""
    area = pair.area.astype(np.float32)
    outlines, _ = cv2.findContours(
        pair.area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not outlines:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    points = max(outlines, key=len)[::2, 0].astype(np.float32)
    height, width = area.shape
    inner = np.all((points >= 4) & (points < [width - 4, height - 4]), axis=1)
    points = points[inner]
    soft = cv2.GaussianBlur(area, (0, 0), 2.5)
    columns, rows = points.astype(int).T
    normals = np.stack(
        [
            cv2.Sobel(soft, cv2.CV_32F, 1, 0)[rows, columns],
            cv2.Sobel(soft, cv2.CV_32F, 0, 1)[rows, columns],
        ],
        axis=1,
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    seen = length[:, 0] > 1e-6
    return points[seen], (normals / np.maximum(length, 1e-6))[seen]
