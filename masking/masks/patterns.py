"""Patterns that repeat without a seam: prints, pictures of users, creases and weave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.datasets.images import decode_rgb, file_sha256, list_images, read_bytes
from masking.errors import BadRecord
from masking.landmarks import Float32
from masking.masks.colours import LINEAR

TILE_PX = 256
# Tiles repeat their first row and column at the end, see `closed`.
# Periods of a print along one side of its tile.
PERIODS = 4
# Blurred copies for prints that a photograph shows small: level n is right where a
# pixel of the photograph covers 2 ** n pixels of the tile.
LEVELS = 6
TILED_PRINTS = ("stripes", "check", "dots", "camouflage", "floral", "words")
_SEED = 7
# Stains of colours, 8-bit steps of R, G and B: as strong as on 275 masks of RMFRD's
# people of training, whose blue to yellow and green to red vary by so much.
_BLUE_STAIN, _GREEN_STAIN = (0.9, 0.2, -1.8), (1.6, -1.0, 0.6)


@cache
def print_tile(name: str, level: int) -> Float32:
    """(P + 1, P + 1) float32 in [0, 1], P = TILE_PX: fraction of the second colour."""
    base = np.asarray(_PRINTS[name](), dtype=np.float32)
    return closed(_wrapped_blur(base, 0.45 * 2**level) if level else base)


@cache
def crease_tile() -> Float32:
    """(P + 1, P + 1, 3) float32: slopes along both sides, and mottling.

    The tile is one face square of creased fabric; each has a standard deviation of 1.
    """
    soft = _smooth_noise(0, 3.0)
    # Ridges where smooth noise changes its sign: the sharp folds of worn cloth.
    ridges = -np.abs(_smooth_noise(1, 4.0)) - 0.5 * np.abs(_smooth_noise(2, 7.0))
    height = _wrapped_blur(np.asarray(soft + 1.2 * ridges, np.float32), 3.0)
    across = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    down = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    # Uneven fibres, from what a large photograph shows to what a small one does.
    mottle = sum(_smooth_noise(9 + n, 12.0 * 2**n) for n in range(4))
    parts = [across / across.std(), down / down.std(), mottle / np.std(mottle)]
    return closed(np.stack(parts, axis=-1))


@cache
def weave_tile() -> Float32:
    """(P + 1, P + 1) float32 about 0: the threads of woven fabric, uneven."""
    at = np.arange(TILE_PX) * 2 * np.pi / TILE_PX
    x, y = np.meshgrid(at, at)
    threads = np.sin(32 * x) * np.cos(16 * y) + np.sin(32 * y) * np.cos(16 * x)
    uneven = 1 + 0.5 * _smooth_noise(3, 9.0)
    tile = threads * uneven
    return closed(tile / tile.std())


@cache
def noise_tile() -> Float32:
    """(TILE_PX, TILE_PX, 4) float32: a camera's noise, and what JPEG makes of colours.

    The first is grain of a standard deviation of 1; the others are stains, in 8-bit
    steps of red, green and blue.
    """
    rng = np.random.default_rng(_SEED)
    grain = rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
    blue, green = (
        sum(_smooth_noise(first + n, 8.0 * 2**n) / (1 + n) for n in range(3))
        for first in (20, 24)
    )
    stains = np.multiply.outer(blue / np.std(blue), _BLUE_STAIN)
    stains += np.multiply.outer(green / np.std(green), _GREEN_STAIN)
    tile = np.concatenate([grain[..., None], stains.astype(np.float32)], axis=-1)
    tile.setflags(write=False)
    return tile


def closed(tile: NDArray[np.floating]) -> Float32:
    """The tile with its first row and column again at the end, read-only.

    Between its last and its first pixel one can then blend as between any others.
    """
    edges = ((0, 1), (0, 1), (0, 0))[: tile.ndim]
    wide = np.pad(tile, edges, mode="wrap").astype(np.float32)
    wide.setflags(write=False)
    return wide


def _smooth_noise(number: int, per_tile: float) -> NDArray[np.float64]:
    """Periodic noise of about `per_tile` waves a side, standard deviation 1."""
    rng = np.random.default_rng([_SEED, number])
    spectrum = np.fft.fft2(rng.standard_normal((TILE_PX, TILE_PX)))
    waves = np.fft.fftfreq(TILE_PX) * TILE_PX
    reach = np.hypot(*np.meshgrid(waves, waves))
    noise = np.fft.ifft2(spectrum * np.exp(-((reach / per_tile) ** 2))).real
    noise -= noise.mean()
    return np.asarray(noise / noise.std())


def _wrapped_blur(tile: Float32, sigma: float) -> Float32:
    margin = min(TILE_PX, int(3 * sigma) + 2)
    wide = np.pad(tile, margin, mode="wrap")
    soft = cv2.GaussianBlur(wide, (0, 0), sigma)
    return np.asarray(soft[margin:-margin, margin:-margin], dtype=np.float32)


def _places() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Phases of both directions, one turn a period."""
    at = (np.arange(TILE_PX) + 0.5) * PERIODS / TILE_PX
    x, y = np.meshgrid(at, at)
    return x, y


def _stripes() -> NDArray[np.floating]:
    x, _ = _places()
    return np.asarray(np.clip(np.sin(2 * np.pi * x) * 8 + 0.5, 0, 1))


def _check() -> NDArray[np.floating]:
    x, y = _places()
    one, other = (np.clip(np.sin(2 * np.pi * a) * 8 + 0.5, 0, 1) for a in (x, y))
    return np.asarray((one + other) / 2)


def _dots() -> NDArray[np.floating]:
    x, y = _places()
    # Every other row is shifted by half a period.
    odd = np.floor(2 * y) % 2
    dx = (x + 0.5 * odd) % 1 - 0.5
    dy = ((2 * y) % 1 - 0.5) / 2
    return np.asarray(np.clip((0.16 - np.hypot(dx, dy)) * 40 + 0.5, 0, 1))


def _camouflage() -> NDArray[np.floating]:
    dark = np.clip((_smooth_noise(4, 5.0) - 0.3) * 8 + 0.5, 0, 1)
    middle = np.clip((_smooth_noise(5, 5.0) - 0.2) * 8 + 0.5, 0, 1)
    return np.asarray(np.maximum(dark, 0.45 * middle))


def _floral() -> NDArray[np.floating]:
    tile = np.zeros((TILE_PX, TILE_PX))
    rng = np.random.default_rng([_SEED, 6])
    x, y = np.meshgrid(np.arange(TILE_PX), np.arange(TILE_PX))
    for number in range(14):
        centre = rng.uniform(0, TILE_PX, 2)
        # The nearest copy of the flower, so that the pattern repeats.
        dx = (x - centre[0] + TILE_PX / 2) % TILE_PX - TILE_PX / 2
        dy = (y - centre[1] + TILE_PX / 2) % TILE_PX - TILE_PX / 2
        size, turn = rng.uniform(14, 30), rng.uniform(0, 2 * np.pi)
        petals = size * (0.65 + 0.35 * np.cos(5 * (np.arctan2(dy, dx) + turn)))
        reach = np.hypot(dx, dy)
        flower = np.clip((petals - reach) / 2 + 0.5, 0, 1)
        middle = np.clip((0.25 * size - reach) / 2 + 0.5, 0, 1)
        strength = 0.6 if number % 3 == 0 else 1.0
        tile = np.maximum(tile, flower * strength) * (1 - 0.7 * middle)
    return tile


def _words() -> NDArray[np.floating]:
    """Rows of words, as slogans and logos are printed."""
    tile = np.zeros((TILE_PX, TILE_PX), dtype=np.uint8)
    for row, (word, font, scale, at) in enumerate(_SLOGANS):
        place = at, 64 * row + 46
        # What reaches beyond a side comes in again at the other.
        for shift in (-TILE_PX, 0, TILE_PX):
            origin = place[0] + shift, place[1]
            cv2.putText(tile, word, origin, font, scale, 255, 4, cv2.LINE_AA)
    return tile / 255


_SLOGANS = (
    ("BE WELL", cv2.FONT_HERSHEY_DUPLEX, 1.5, 20),
    ("hello", cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.9, 130),
    ("No. 19", cv2.FONT_HERSHEY_TRIPLEX, 1.4, 40),
    ("take care", cv2.FONT_HERSHEY_COMPLEX, 1.3, 10),
)


_PRINTS = {
    "stripes": _stripes,
    "check": _check,
    "dots": _dots,
    "camouflage": _camouflage,
    "floral": _floral,
    "words": _words,
}


_KEPT = 64


@dataclass(frozen=True)
class Texture:
    """A picture file and the SHA-256 of its bytes."""

    path: str
    sha256: str


def list_textures(folder: Path) -> tuple[Texture, ...]:
    """All pictures of a folder, each decoded once, so that bad ones show at once.

    Raises:
        MissingInput: no folder, or no picture in it.
        UnreadableImage: one of them is damaged.
    """
    found = []
    for path in list_images(folder):
        data = read_bytes(path)
        decode_rgb(data, str(path))
        found.append(Texture(str(path), file_sha256(data)))
    return tuple(found)


@lru_cache(maxsize=_KEPT)
def texture_tile(path: str, sha256: str) -> Float32:
    """(P + 1, P + 1, 3) float32 linear RGB, P = TILE_PX; repeats without a seam.

    Raises:
        UnreadableImage: the file is gone or damaged.
        BadRecord: the file is not the one that was drawn.
    """
    data = read_bytes(Path(path))
    found = file_sha256(data)
    if found != sha256:
        raise BadRecord(
            f"{path}: has changed since the mask was drawn (SHA-256 {found[:8]}, "
            f"expected {sha256[:8]}). Restore the file or run augment again."
        )
    image = decode_rgb(data, path)
    half = (TILE_PX // 2, TILE_PX // 2)
    small = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    # Mirrored both ways, opposite edges are equal.
    across = np.hstack([small, small[:, ::-1]])
    return closed(LINEAR[np.vstack([across, across[::-1]])])
