"""What the photograph tells about light, sharpness and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import LEFT_EYE, RIGHT_EYE, Float32, Image, Landmarks
from masking.mask_geometry import FaceMap

# Typical skin reflectance, linear light (R, G, B): between the light and dark
# ends of measured human skin.
_SKIN = np.array([0.42, 0.27, 0.20], dtype=np.float32)
_SAMPLE_STEP = 3
LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class PhotoLook:
    """Light, sharpness and grain of one face in one photograph.

    Attributes:
        shading: (5,) float32 weights of `shading_basis`, mean near 1.
        light: (3,) float32 linear RGB of the light; a white card would look so.
        saturation: 0 in a grey photograph, 1 in a colour one.
        blur_px: standard deviation of the photo's own blur.
        grain: standard deviation of its noise, in 8-bit steps.
    """

    shading: Float32
    light: Float32
    saturation: float
    blur_px: float
    grain: float


def to_linear(values: NDArray[np.uint8]) -> Float32:
    """sRGB 0..255 to linear light 0..1 (IEC 61966-2-1)."""
    return np.asarray(_LINEAR[values], dtype=np.float32)


def to_srgb(linear: Float32) -> Float32:
    """Linear light 0..1 to sRGB 0..255, float32; values outside are clipped."""
    index = np.clip(linear, 0, 1) * np.float32(len(_SRGB) - 1)
    return np.asarray(_SRGB[index.astype(np.int32)], dtype=np.float32)


def rolled_off(linear: Float32) -> Float32:
    """Linear light of painted fabric, compressed softly above 0.8 to below 1.

    A film-like shoulder: folds stay visible on white fabric. The photograph has
    been through its camera's own and must not get another.
    """
    over = np.maximum(linear - np.float32(0.8), 0)
    soft = np.minimum(linear, np.float32(0.8)) + over / (1 + over * np.float32(5))
    return np.asarray(soft, dtype=np.float32)


def _linear_table() -> Float32:
    share = np.arange(256) / 255
    bent = ((share + 0.055) / 1.055) ** 2.4
    return np.where(share <= 0.04045, share / 12.92, bent).astype(np.float32)


def _srgb_table() -> Float32:
    linear = np.linspace(0, 1, 4096)
    bent = 1.055 * linear ** (1 / 2.4) - 0.055
    return (255 * np.where(linear <= 0.0031308, linear * 12.92, bent)).astype(
        np.float32
    )


_LINEAR, _SRGB = _linear_table(), _srgb_table()


def normals(height: Float32, px_per_unit: float) -> tuple[Float32, Float32, Float32]:
    """Unit normals (nx, ny, nz) of a height field given in face squares.

    x to the right and y down as in the picture; z towards the camera.
    """
    scale = np.float32(-0.5 * px_per_unit)
    kernel = np.array([[-1, 0, 1]], dtype=np.float32)
    nx = np.asarray(cv2.filter2D(height, -1, kernel)) * scale
    ny = np.asarray(cv2.filter2D(height, -1, kernel.T)) * scale
    nz = 1 / np.sqrt(nx * nx + ny * ny + 1)
    return nx * nz, ny * nz, nz


def shading_basis(nx: Float32, ny: Float32) -> Float32:
    """(..., 5) light on a surface by its normal, second order.

    Source: Ramamoorthi & Hanrahan, "An efficient representation for irradiance
    environment maps", SIGGRAPH 2001; terms that a front view can tell apart.
    """
    return np.stack([np.ones_like(nx), nx, ny, nx * ny, nx * nx - ny * ny], axis=-1)


def look_of(
    image: Image, landmarks: Landmarks, face: FaceMap, skin_normals: tuple[Float32, ...]
) -> PhotoLook:
    """Measure light, sharpness and grain from the visible face.

    Args:
        image: (H, W, 3) uint8 RGB photograph.
        skin_normals: normals of the head in the face's window.
    """
    step = _SAMPLE_STEP if face.px_per_unit > 60 else 1
    window = image[
        face.top : face.top + face.x.shape[0], face.left : face.left + face.x.shape[1]
    ]
    x, y = face.x[::step, ::step], face.y[::step, ::step]
    skin = _is_skin(x, y)
    pixels = to_linear(np.ascontiguousarray(window[::step, ::step][skin]))
    if len(pixels) < 30:
        pixels = to_linear(np.ascontiguousarray(window.reshape(-1, 3)))
        shading = np.array([1, 0, 0, 0, 0], dtype=np.float32)
    else:
        nx, ny = (part[::step, ::step][skin] for part in skin_normals[:2])
        shading = _fit_shading(pixels @ LUMA, shading_basis(nx, ny))
    tone = np.median(pixels, axis=0).astype(np.float32) + np.float32(1e-3)
    spread = float((tone.max() - tone.min()) / tone.max())
    saturation = min(1.0, spread / 0.25)
    blur_px, grain = _sharpness(image, landmarks)
    return PhotoLook(shading, _light(tone, saturation), saturation, blur_px, grain)


def _is_skin(x: Float32, y: Float32) -> NDArray[np.bool_]:
    """Cheeks, nose and chin without mouth, nostrils and eyes."""
    oval = ((x - 0.5) / 0.50) ** 2 + ((y - 0.62) / 0.55) ** 2 < 1
    mouth = ((x - 0.5) / 0.28) ** 2 + ((y - 0.81) / 0.13) ** 2 < 1
    return oval & ~mouth & (y > 0.33)


def _fit_shading(luma: Float32, basis: Float32) -> Float32:
    """Least squares, refitted without dark outliers (beard, glasses, shadows)."""
    scale = float(np.median(luma)) + 1e-3
    values = luma / scale
    keep = np.ones(len(values), dtype=bool)
    penalty = np.diag([0.0, 1.0, 1.0, 3.0, 3.0]) * 0.01 * len(values)
    weights = np.zeros(5)
    for _ in range(2):
        chosen = basis[keep]
        weights = np.linalg.solve(chosen.T @ chosen + penalty, chosen.T @ values[keep])
        error = values - basis @ weights
        keep = np.abs(error) < 1.5 * float(np.std(error[keep])) + 0.05
        if keep.sum() < 30:
            break
    return np.asarray(weights, dtype=np.float32)


def _light(tone: Float32, saturation: float) -> Float32:
    """Colour of the light from the colour of the skin.

    Skin may be light or dark, so its brightness tells only half: the other half
    is that photographs are exposed for white at about 0.8.
    """
    brightness = float(tone @ LUMA) / float(_SKIN @ LUMA)
    exposure = float(np.clip(np.sqrt(brightness * 0.8), 0.12, 1.15))
    cast = tone / _SKIN
    cast = cast / float(cast @ LUMA)
    # Half of a deviation is the person's own skin colour.
    cast = np.clip(cast, 0.6, 1.6) ** np.float32(0.5 * saturation)
    return np.asarray(cast / float(cast @ LUMA) * exposure, dtype=np.float32)


def _sharpness(image: Image, landmarks: Landmarks) -> tuple[float, float]:
    """Blur from the steepest edges around the eyes, and the noise level.

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
    slope = float(np.percentile(np.hypot(across, down), 99.5))
    dark, bright = np.percentile(values, [3, 97])
    blur_px = 0.55 * float(bright - dark) / (2.507 * max(slope, 1.0))
    mixed = cv2.filter2D(
        values, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    )
    grain = float(np.median(np.abs(mixed))) / 0.6745 / 6.0
    return float(np.clip(blur_px, 0.3, 6.0)), min(grain, 8.0)


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
