"""Fine detail that averaging many photographs takes away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from masking.landmarks import Float32, Image

# Standard deviations, px, between which a band of detail lies.
_EDGES_PX = (0.8, 1.6, 3.2, 6.4)
# Coarse bands hold blotches as well as features: they are raised less.
_MAX_GAINS = np.array([1.9, 1.6, 1.3, 1.1], np.float32).reshape(4, 1, 1, 1)


@dataclass(frozen=True, eq=False)
class DetailGains:
    """How much weaker than photographs the model's faces are, band by band.

    Attributes:
        gains: (4, 250, 250, 1) float32 >= 1, finest band first.
    """

    gains: Float32

    def restored(self, picture: Float32) -> Float32:
        """A (250, 250, 3) layer of the model with the contrast of photographs."""
        bands, rest = _bands(picture)
        total = rest
        for band, gain in zip(bands, self.gains, strict=True):
            total = total + band * gain
        return np.asarray(total, dtype=np.float32)


def measure_gains(
    photographs: Sequence[Image], drawn: Sequence[Float32]
) -> DetailGains:
    """Compare the local contrast of photographs and drawn layers.

    Both are (250, 250, 3) in the frame of the mean shape. Only averages over all
    of them are kept, so no photograph's own detail comes back.
    """
    real, model = _energy(photographs), _energy(drawn)
    gains = np.clip(np.sqrt(real / np.maximum(model, 1e-3)), 1.0, _MAX_GAINS)
    return DetailGains(gains.astype(np.float32))


def grain(rng: np.random.Generator, side_px: int, blur_px: float) -> Float32:
    """(side_px, side_px) noise of unit deviation, smooth over `blur_px`."""
    noise = rng.normal(size=(side_px, side_px)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), blur_px))
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def strands(rng: np.random.Generator, side_px: int, centre: Float32) -> Float32:
    """(side_px, side_px) noise of unit deviation, drawn out like combed hair.

    Strands run around the face: noise that is fine along the radius and long
    along the angle, waved a little. The angle's seam lies in the neck.

    Args:
        centre: (2,) px, around which the hair lies.
    """
    radii, angles = 2 * side_px, 72
    polar = rng.normal(size=(radii, angles)).astype(np.float32)
    coarse = cv2.GaussianBlur(polar, (0, 0), sigmaX=0.6, sigmaY=6.0)
    polar = polar / polar.std() + 0.8 * coarse / coarse.std()
    y, x = np.mgrid[:side_px, :side_px].astype(np.float32)
    across, down = x - centre[0], (y - centre[1]) * 0.75
    wave = 3.0 * grain(rng, side_px, 14.0)
    radius = (np.hypot(across, down) + wave) * 1.2
    angle = (np.arctan2(across, -down) / (2 * np.pi) + 0.5) * (angles - 1)
    drawn = cv2.remap(polar, angle, np.clip(radius, 0, radii - 1), cv2.INTER_LINEAR)
    return np.asarray(drawn / drawn.std(), dtype=np.float32)


def _bands(picture: Float32) -> tuple[list[Float32], Float32]:
    bands, rest = [], np.asarray(picture, dtype=np.float32)
    for sigma in _EDGES_PX:
        smoother = _blurred(picture, sigma)
        bands.append(rest - smoother)
        rest = smoother
    return bands, rest


def _blurred(picture: Float32, sigma_px: float) -> Float32:
    smooth = cv2.GaussianBlur(np.asarray(picture, dtype=np.float32), (0, 0), sigma_px)
    return np.asarray(smooth, dtype=np.float32)


def _energy(pictures: Sequence[Image] | Sequence[Float32]) -> Float32:
    """(4, 250, 250, 1) mean square of each band, smoothed."""
    sums = np.zeros((len(_EDGES_PX), *pictures[0].shape[:2]), np.float32)
    for picture in pictures:
        grey = cv2.cvtColor(
            np.clip(picture, 0, 255).astype(np.float32), cv2.COLOR_RGB2GRAY
        )
        bands, _ = _bands(np.asarray(grey, dtype=np.float32))
        for total, band in zip(sums, bands, strict=True):
            total += band**2
    smooth = [cv2.GaussianBlur(total, (0, 0), 4.0) for total in sums / len(pictures)]
    return np.stack(smooth)[..., None]
