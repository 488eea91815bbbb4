"""What the photograph tells about light, sharpness and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord
from masking.landmarks import LEFT_EYE, RIGHT_EYE, Float32, Image, Landmarks
from masking.masks.colours import LINEAR
from masking.masks.surface import HEAD_MIDDLE, STEP, U_REACH, V_REACH, head_slopes

# Typical skin reflectance, linear light (R, G, B): between the light and dark
# ends of measured human skin.
_SKIN = np.array([0.42, 0.27, 0.20], dtype=np.float32)
# Pixels along a face square's side that are looked at.
_SAMPLES = 26
LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
# Places that are looked at on the way of a strap, and the landmarks between which the
# ways begin, in the order of EARS.
_STEPS = 10
_PARTS = (np.arange(_STEPS, dtype=np.float32) / (_STEPS - 1))[:, None]
_AROUND = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)], dtype=np.float32)
_STRAPS_BEGIN = np.array([(1, 2), (3, 4), (15, 14), (13, 12)])
_COUNTS = (5, 3, 3, 1, 1, 1, 4)
LOOK_LENGTH = sum(_COUNTS)


@dataclass(frozen=True, eq=False)
class PhotoLook:
    """Light, sharpness and grain of one face in one photograph.

    Attributes:
        shading: (5,) float32 weights of `head_basis` in the frame of the face,
            mean near 1.
        light: (3,) float32 linear RGB of the light; a white card would look so.
        skin: (3,) float32 linear RGB of the skin, median.
        saturation: 0 in a grey photograph, 1 in a colour one.
        blur: standard deviation of the photo's own blur, face squares.
        grain: standard deviation of its noise, in 8-bit steps.
        ears: (4,) float32 in [0, 1], how much of the way from the cheek to each root
            of an ear is bare, in the order of EARS: the rest hair hides for good.
    """

    shading: Float32
    light: Float32
    skin: Float32
    saturation: float
    blur: float
    grain: float
    ears: Float32

    def to_list(self) -> list[float]:
        """LOOK_LENGTH numbers, rounded to what can be seen."""
        return [float(f"{value:.4g}") for value in self.numbers]

    @property
    def numbers(self) -> list[float]:
        """LOOK_LENGTH numbers, field after field."""
        ends = [self.saturation, self.blur, self.grain]
        return [*self.shading, *self.light, *self.skin, *ends, *self.ears]


def look_from_list(numbers: list[float]) -> PhotoLook:
    """The reverse of `PhotoLook.to_list`.

    Raises:
        BadRecord: not LOOK_LENGTH finite numbers.
    """
    values = np.asarray(numbers, dtype=np.float32)
    if values.shape != (LOOK_LENGTH,) or not np.isfinite(values).all():
        raise BadRecord(f"a photo's look is {LOOK_LENGTH} finite numbers.")
    parts = np.split(values, np.cumsum(_COUNTS)[:-1])
    shading, light, skin = parts[:3]
    saturation, blur, grain = (float(part[0]) for part in parts[3:6])
    return PhotoLook(shading, light, skin, saturation, blur, grain, parts[6])


def look_of(
    image: Image, landmarks: Landmarks, at: tuple[Float32, Float32], pose: Any
) -> PhotoLook:
    """Measure light, sharpness and grain from the visible face.

    Args:
        image: (H, W, 3) uint8 RGB photograph.
        at: canonical x and y, (R, C), of the pixels in `sample_places`.
        pose: the `mask_geometry.HeadPose` of this one face, numpy.
    """
    px_per_unit = float(pose.px_per_unit[0])
    columns, rows = sample_places(image, landmarks, px_per_unit)
    x, y = at
    skin = _is_skin(x, y)
    sampled = image[rows[:, None].astype(int), columns[None, :].astype(int)]
    pixels = LINEAR[sampled[skin]]
    if len(pixels) < 30:
        pixels = LINEAR[sampled.reshape(-1, 3)]
        shading = np.array([1, 0, 0, 0, 0], dtype=np.float32)
    else:
        shading = _fit_shading(pixels @ LUMA, head_basis(x[skin], y[skin]))
    tone = quantile(pixels, 0.5) + np.float32(1e-3)
    spread = float((tone.max() - tone.min()) / tone.max())
    # Old photographs are a little brown.
    saturation = float(np.clip((spread - 0.12) / 0.2, 0, 1))
    blur_px, grain = sharpness(image, landmarks)
    return PhotoLook(
        shading,
        _light(tone, saturation),
        tone,
        saturation,
        blur_px / px_per_unit,
        grain,
        _bare_ways(image, landmarks, pose, tone, saturation),
    )


def sample_places(
    image: Image, landmarks: Landmarks, px_per_unit: float
) -> tuple[Float32, Float32]:
    """Columns (C,) and rows (R,) of the pixels that `look_of` looks at, px."""
    step = max(1, int(px_per_unit / _SAMPLES))
    last = np.array([image.shape[1] - 1, image.shape[0] - 1])
    low = np.clip(landmarks.points.min(axis=0), 0, last).astype(int)
    high = np.clip(landmarks.points.max(axis=0), 0, last).astype(int) + 1
    return (
        np.arange(low[0], high[0], step, dtype=np.float32),
        np.arange(low[1], high[1], step, dtype=np.float32),
    )


def head_basis(x: Float32, y: Float32) -> Float32:
    """(M, 5) light on a bare head at (M,) canonical points."""
    column, row = (x - 0.5 + U_REACH) / STEP, (y - HEAD_MIDDLE + V_REACH) / STEP
    slopes = cv2.remap(head_slopes(), column[None], row[None], cv2.INTER_NEAREST)[0]
    tilt = 1 / np.sqrt(1 + (slopes * slopes).sum(axis=-1))
    nx, ny = -slopes[:, 0] * tilt, -slopes[:, 1] * tilt
    basis = [np.ones_like(nx), nx, ny, nx * ny, nx * nx - ny * ny]
    return np.stack(basis, axis=-1).astype(np.float32)


def light_on_skin(look: PhotoLook, basis: Float32) -> Float32:
    """(...,) light on bare skin where (..., 5) is its `head_basis`, 1 on average."""
    return np.asarray(np.clip(basis @ look.shading, 0.45, 1.8), dtype=np.float32)


def _is_skin(x: Float32, y: Float32) -> NDArray[np.bool_]:
    """Cheeks, nose and chin without mouth, nostrils and eyes."""
    oval = ((x - 0.5) / 0.50) ** 2 + ((y - 0.62) / 0.55) ** 2 < 1
    mouth = ((x - 0.5) / 0.28) ** 2 + ((y - 0.81) / 0.13) ** 2 < 1
    return oval & ~mouth & (y > 0.33)


def _bare_ways(
    image: Image, landmarks: Landmarks, pose: Any, tone: Float32, saturation: float
) -> Float32:
    """See `PhotoLook.ears`: where each way leaves the skin and does not come back.

    One place alone tells little, as skin has spots and hair has lights: the way is cut
    where most places before it look like skin, and most after it do not.
    """
    starts = landmarks.points[_STRAPS_BEGIN].sum(axis=1) * np.float32(0.45)
    starts += 0.1 * landmarks.points[30]
    ways = starts[:, None] + _PARTS * (pose.ears[0] - starts)[:, None]
    half = max(1.0, 0.02 * float(pose.px_per_unit[0]))
    at = ways[:, :, None] + (half * _AROUND + 0.5)
    last = np.array(image.shape[1::-1]) - 1
    at = np.minimum(np.maximum(at, 0), last).astype(np.intp)
    patches = LINEAR[image[at[..., 1], at[..., 0]]]
    # What is gained by each cut: skin before it, and none after.
    gained = np.zeros((4, _STEPS + 1))
    np.cumsum(2 * _likeness(patches, tone, saturation) - 1, axis=1, out=gained[:, 1:])
    best = _STEPS - gained[:, ::-1].argmax(axis=1)
    return np.asarray(best / _STEPS, dtype=np.float32)


def _likeness(patches: Float32, tone: Float32, saturation: float) -> Float32:
    """(4, S) how much patches (4, S, M, 3) look like this face's skin, 0 to 1."""
    count = patches.shape[2]
    colour = patches.sum(axis=2) + np.float32(1e-3)
    luma = patches @ LUMA
    total = luma.sum(axis=2) + 1e-3
    # The cheek at the beginning of the way is in the same light, if it is bare.
    near = colour[:, :1] + colour[:, 1:2]
    brightness = np.maximum(near @ LUMA / 2, 0.5 * count * (tone @ LUMA))
    lit = total / (0.15 * brightness) - 1
    # Standard deviation over the mean.
    rough = (luma * luma).sum(axis=2) * count / (total * total) - 1
    smooth = 3 - 4 * np.sqrt(np.maximum(rough, 0))
    found = np.minimum(np.maximum(np.minimum(lit, smooth), 0), 1)
    if saturation >= 0.5:
        away = _away(colour, tone)
        beside = np.where(_away(near, tone) < 0.12, _away(colour, near), away)
        hue = 2.8 - 10 * np.minimum(away, beside)
        found = found * np.minimum(np.maximum(hue, 0), 1)
    return np.asarray(found, dtype=np.float32)


def _away(colour: Float32, other: Float32) -> Any:
    """Distance of colours (..., 3) whatever their brightness: 0 = alike."""
    shares = colour / colour.sum(axis=-1, keepdims=True)
    return np.abs(shares - other / other.sum(axis=-1, keepdims=True)).sum(axis=-1)


def _fit_shading(luma: Float32, basis: Float32) -> Float32:
    """Least squares, refitted without dark outliers (beard, glasses, shadows)."""
    scale = float(quantile(luma, 0.5)) + 1e-3
    values = luma / scale
    keep = np.ones(len(values), dtype=bool)
    penalty = np.diag([0.0, 1.0, 1.0, 3.0, 3.0]) * 0.01 * len(values)
    weights = np.zeros(5)
    for _ in range(2):
        chosen = basis[keep]
        weights = np.linalg.solve(chosen.T @ chosen + penalty, chosen.T @ values[keep])
        error = values - basis @ weights
        kept = error[keep]
        deviation = np.sqrt(max(kept @ kept / len(kept) - kept.mean() ** 2, 0.0))
        keep = np.abs(error) < 1.5 * float(deviation) + 0.05
        if keep.sum() < 30:
            break
    return np.asarray(weights, dtype=np.float32)


def _light(tone: Float32, saturation: float) -> Float32:
    """Colour of the light from the colour of the skin.

    Skin may be light or dark, so its brightness tells only half: the other half
    is that photographs are exposed for white at about 1.
    """
    brightness = float(tone @ LUMA) / float(_SKIN @ LUMA)
    exposure = float(np.clip(np.sqrt(brightness), 0.12, 1.25))
    cast = tone / _SKIN
    cast = cast / float(cast @ LUMA)
    # Most of a deviation is the person's own skin colour.
    cast = np.clip(cast, 0.5, 2.0) ** np.float32(0.25 * saturation)
    return np.asarray(cast / float(cast @ LUMA) * exposure, dtype=np.float32)


def sharpness(image: Image, landmarks: Landmarks) -> tuple[float, float]:
    """Blur from the steepest edges around the eyes, px, and the noise level.

    A step of height h blurred by sigma has the slope h / (sigma sqrt(2 pi)).
    Noise: Immerkaer, "Fast noise variance estimation", CVIU 1996, eq. 3, as a
    median so that edges do not count.
    """
    grey = _eye_region(image, landmarks)
    if min(grey.shape) < 5:
        return 1.0, 1.0
    values = grey.astype(np.float32)
    across = np.abs(np.diff(values, axis=1))[:-1]
    down = np.abs(np.diff(values, axis=0))[:, :-1]
    slope = float(quantile(np.hypot(across, down).ravel(), 0.995))
    levels = values.ravel()
    height = float(quantile(levels, 0.97) - quantile(levels, 0.03))
    blur_px = 0.55 * height / (2.507 * max(slope, 1.0))
    mixed = cv2.filter2D(
        values, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    )
    grain = float(quantile(np.abs(mixed).ravel(), 0.5)) / 0.6745 / 6.0
    # Compressed pictures have little noise where they have no detail.
    return float(np.clip(blur_px, 0.3, 6.0)), min(0.7 * grain, 2.5)


def quantile(values: Any, fraction: float) -> Any:
    """np.quantile along the first axis, whose own calls cost more than sorting.

    Args:
        fraction: 0 = the lowest value, 1 = the highest.
    """
    place = fraction * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    ordered = np.partition(values, (low, high), axis=0)
    return ordered[low] + (ordered[high] - ordered[low]) * np.float32(place - low)


def _eye_region(image: Image, landmarks: Landmarks) -> NDArray[np.uint8]:
    """Grey pixels around both eyes; may be empty at the picture's border."""
    points = landmarks.points[RIGHT_EYE.start : LEFT_EYE.stop]
    margin = 0.25 * landmarks.interocular_px
    left, top = np.maximum(points.min(axis=0) - margin, 0).astype(int)
    right, bottom = np.maximum(points.max(axis=0) + margin + 1, 0).astype(int)
    region = image[top:bottom, left:right]
    if region.size == 0:
        return np.zeros((0, 0), np.uint8)
    return np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
