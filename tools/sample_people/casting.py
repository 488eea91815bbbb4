"""Draws people who do not exist, and photographs of them."""

from __future__ import annotations

import colorsys
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from tools.sample_people.face_layers import MAP_PX, SKIN
from tools.sample_people.face_model import FaceModel, covariance_root
from tools.sample_people.portrait import PortraitSpec

# Below 1: nearer to the mean face, hence a mixture of more photographs.
PERSON_SPREAD = 0.75
PHOTO_SPREAD = 0.6
# Photos whose mean a person is drawn around.
GROUP = 40
# No direction of the model is followed further than this many deviations.
MAX_DEVIATIONS = 2.2


def sample_rng(seed: int, name: str) -> np.random.Generator:
    """Randomness of one person or photo, whatever was drawn before."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who does not exist.

    Attributes:
        coefficients: (K,) of the face model: the person's mean face.
        hair: (3,) RGB of lit hair.
        hair_seed: of the strands.
    """

    coefficients: NDArray[np.float64]
    hair: Float32
    hair_seed: int


def draw_person(
    rng: np.random.Generator, model: FaceModel, groups: NDArray[np.float64]
) -> Person:
    """A new person: the middle of a group of alike faces, and a drawn difference.

    Drawn from one normal distribution, everybody is half man, half woman, of
    middle age; groups keep what goes together together.

    Args:
        groups: (G, K) mean coefficients of groups, from `group_means`.
    """
    middle = groups[rng.integers(len(groups))]
    coefficients = middle + PERSON_SPREAD * _draw(rng, model.between)
    return Person(
        coefficients, _hair_colour(rng, model, coefficients), int(rng.integers(2**31))
    )


def group_means(
    embeddings: Float32, coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, K) mean coefficients of each training photo's GROUP nearest ones.

    Args:
        embeddings: (N, 128) of the training photos; alike faces lie close.
        coefficients: (N, K) of the same photos.
    """
    squared = (embeddings**2).sum(axis=1)
    distances = squared[:, None] + squared - 2 * embeddings @ embeddings.T
    nearest = np.argpartition(distances, GROUP, axis=1)[:, :GROUP]
    return np.asarray(coefficients[nearest].mean(axis=1))


def draw_photo(
    rng: np.random.Generator, model: FaceModel, person: Person
) -> PortraitSpec:
    """A photo of the person: expression, turn and light from the model's variation
    within people, the rest drawn here."""
    cast = 1 + rng.normal(0, 0.025, 3)
    exposure = np.exp(rng.normal(0, 0.06))
    return PortraitSpec(
        coefficients=person.coefficients + PHOTO_SPREAD * _draw(rng, model.within),
        person=person.coefficients,
        hair=person.hair,
        clothes=_cloth_colour(rng),
        roll_rad=float(np.deg2rad(np.clip(rng.normal(0, 4), -9, 9))),
        scale=float(rng.uniform(0.98, 1.12)),
        shift_px=(float(rng.uniform(-4, 4)), float(rng.uniform(-3, 3))),
        light=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.06))),
        cast=(cast * exposure).astype(np.float32),
        backdrop=_backdrop_colours(rng),
        blur_px=float(rng.choice([0, 0, 0, 0.4])),
        noise=float(rng.uniform(0.5, 1.6)),
        hair_seed=person.hair_seed,
        photo_seed=int(rng.integers(2**31)),
    )


def _hair_colour(
    rng: np.random.Generator, model: FaceModel, coefficients: NDArray[np.float64]
) -> Float32:
    """(3,) RGB: as light as the model has it, of a colour that hair has."""
    outlines = model.block("outlines", coefficients)
    hairline = (outlines[SKIN] < -0.5) & (outlines[SKIN] > -4.5)
    hairline[int(MAP_PX * 0.36) :] = False
    grey = model.block("hair", coefficients).mean(axis=2)
    root = float(np.median(grey[hairline])) if hairline.any() else 60.0
    skin = float(model.block("skin", coefficients)[110:170, 95:155].mean())
    # The layer holds some forehead and background, both lighter than most hair;
    # on dark skin nearly all of its lightness is theirs.
    lightest = 170.0 if skin > 115 else 32.0
    level = float(np.clip((root - 50) * 1.4 + 36, 24, lightest))
    # Dark hair is nearly black; light hair is grey on some heads, blond on others.
    warm = np.array([1.22, 0.98, 0.74]) if level < 100 else np.array([1.2, 1.0, 0.7])
    grey = np.array([1.03, 1.0, 0.95])
    fraction = rng.beta(1, 2) if level < 85 else rng.choice([0.15, 0.9])
    return (level * (fraction * grey + (1 - fraction) * warm)).astype(np.float32)


def _cloth_colour(rng: np.random.Generator) -> Float32:
    """(3,) RGB: mostly dark or pale, seldom bright."""
    level = float(rng.choice([0.17, 0.25, 0.4, 0.6, 0.8])) + rng.uniform(-0.05, 0.05)
    colour = colorsys.hsv_to_rgb(rng.uniform(), 0.6 * rng.beta(1.2, 3), level)
    return (255 * np.array(colour)).astype(np.float32)


def _draw(
    rng: np.random.Generator, covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    normal = rng.normal(size=len(covariance))
    return covariance_root(covariance) @ np.clip(
        normal, -MAX_DEVIATIONS, MAX_DEVIATIONS
    )


def _backdrop_colours(rng: np.random.Generator) -> Float32:
    """(2, 3) RGB of one hue, dull, lighter or darker at the two ends."""
    hue, saturation = rng.uniform(0, 1), rng.beta(1.3, 5) * 0.5
    level = rng.uniform(0.25, 0.85)
    ends = [level + rng.uniform(-0.12, 0.12) for _ in range(2)]
    colours = [
        colorsys.hsv_to_rgb((hue + rng.normal(0, 0.03)) % 1, saturation, end)
        for end in ends
    ]
    return (255 * np.array(colours)).astype(np.float32)
