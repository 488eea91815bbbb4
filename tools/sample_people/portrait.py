"""Draws one photograph of a person of the face model."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32, Image
from tools.detector_training.training_faces import SIDE_PX
from tools.sample_people.detail import DetailGains, grain, strands
from tools.sample_people.face_layers import BACKGROUND, CLOTHES, HAIR, SKIN
from tools.sample_people.face_model import FaceModel
from tools.sample_people.thin_plate import ThinPlate, frame_points

# Of the width between the jaw's corners.
_NECK_WIDTH = 0.66
_SHADOW = 0.30


def outside_jaw_px(mean: Float32) -> Float32:
    """(250, 250) distance to the jaw line, px; 0 in the face and above its ears.

    Args:
        mean: (68, 2) px, the mean shape.
    """
    left, right = mean[0, 0], mean[16, 0]
    roof = [(right + 20, mean[1, 1]), (right + 20, -1), (left - 20, -1)]
    roof.append((left - 20, mean[1, 1]))
    head = np.vstack([mean[2:15], roof])
    mask: Image = np.ones((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(mask, [np.round(head).astype(np.int32)], 0)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), dtype=np.float32)


def narrowed(outlines: Float32, mean: Float32) -> Float32:
    """Outlines (250, 250, 4) with less skin beside the neck."""
    jaw = mean[4:13]
    middle, half = jaw[:, 0].mean(), np.ptp(jaw[:, 0]) * _NECK_WIDTH / 2
    columns = np.arange(SIDE_PX, dtype=np.float32)
    beside = np.clip(np.abs(columns - middle) - half, 0, 12)[None]
    # Collars open wider than necks: from the shoulders on, leave it as it is.
    rows = np.arange(SIDE_PX, dtype=np.float32)[:, None]
    above = np.clip((mean[8, 1] + 22 - rows) / 10, 0, 1)
    away = np.clip(outside_jaw_px(mean), 0, 8) / 8
    result = outlines.copy()
    result[..., SKIN] -= 0.35 * beside * above * away
    below = (rows > mean[8, 1] - 6) & (rows < mean[8, 1] + 14) & (beside == 0)
    throat = cv2.GaussianBlur(below.astype(np.float32), (0, 0), 5.0)
    result[..., SKIN] += 1.4 * np.asarray(throat)
    return np.asarray(result, dtype=np.float32)


def shaded(skin: Float32, mean: Float32) -> Float32:
    """The skin layer (250, 250, 3) with an even neck in the shadow of the jaw."""
    away_px = outside_jaw_px(mean)
    neck = np.asarray(cv2.GaussianBlur(np.clip(away_px / 5, 0, 1), (0, 0), 1.5))
    colour = _cheek_colour(skin, mean)
    grey = cv2.GaussianBlur(skin.mean(axis=2), (0, 0), 4.0) / colour.mean()
    shadow = 1 - _SHADOW * np.exp(-away_px / 14)
    even = colour * (np.clip(grey, 0.6, 1.05) * shadow)[..., None]
    fraction = 0.85 * neck[..., None]
    return np.asarray(fraction * even + (1 - fraction) * skin, dtype=np.float32)


def cleared_forehead(skin: Float32, mean: Float32) -> Float32:
    """The skin layer (250, 250, 3) with fringes of all lengths taken off.

    The layer of the fringe is hair; what photographs left of it in the skin
    averages to brown patches.
    """
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    middle, half = mean[17:27, 0].mean(), np.ptp(mean[17:27, 0]) / 2 + 3
    # The temples are bare beside the brows too, as far down as the eyes.
    lowest = np.where(np.abs(x - middle) < half, mean[17:27, 1].min(), mean[36, 1])
    above = np.clip((lowest - 4 - y) / 8, 0, 1)
    fraction = 0.85 * np.asarray(cv2.GaussianBlur(above, (0, 0), 2.0))[..., None]
    colour = _cheek_colour(skin, mean)
    smooth = np.asarray(cv2.GaussianBlur(skin, (0, 0), 6.0))
    level = smooth.mean(axis=2, keepdims=True) / colour.mean()
    even = colour * np.clip(level, 0.85, 1.15) + 0.6 * (skin - smooth)
    return np.asarray(fraction * even + (1 - fraction) * skin, dtype=np.float32)


def _cheek_colour(skin: Float32, mean: Float32) -> Float32:
    """(3,) RGB of cheeks and nose."""
    top, bottom = int(mean[29, 1]), int(mean[33, 1])
    cheeks = skin[top:bottom, int(mean[4, 0]) : int(mean[12, 0])]
    return np.asarray(np.median(cheeks.reshape(-1, 3), axis=0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class PortraitSpec:
    """Everything that one portrait is drawn from.

    Attributes:
        coefficients: (K,) of the face model: person, expression and light.
        person: (K,) of the same person without expression and light.
        hair: (3,) RGB of lit hair.
        clothes: (3,) RGB of the cloth.
        roll_rad: turn in the picture plane, clockwise.
        scale: size of the face, 1 = as in the training photographs.
        shift_px: (x, y) move of the face.
        light: (x, y) change of brightness across the face, fraction per 100 px.
        cast: (3,) factor of each colour channel.
        backdrop: (2, 3) RGB in [0, 255], left-top and right-bottom.
        blur_px: softness of the lens, standard deviation.
        noise: standard deviation of the sensor's noise, grey levels.
        hair_seed: of the strands; the same in all photos of a person.
        photo_seed: of what differs from photo to photo.
    """

    coefficients: NDArray[np.float64]
    person: NDArray[np.float64]
    hair: Float32
    clothes: Float32
    roll_rad: float
    scale: float
    shift_px: tuple[float, float]
    light: tuple[float, float]
    cast: Float32
    backdrop: Float32
    blur_px: float
    noise: float
    hair_seed: int
    photo_seed: int


def draw_portrait(spec: PortraitSpec, model: FaceModel, gains: DetailGains) -> Image:
    """The portrait, (250, 250, 3) uint8 RGB."""
    rng = np.random.default_rng(spec.photo_seed)
    layers = _upright_layers(spec, model, gains)
    shape = model.block("shape", spec.coefficients)
    mean = model.means["shape"].reshape(68, 2)
    frame = frame_points(SIDE_PX)
    posed = _posed(np.vstack([shape, frame]), mean.mean(axis=0), spec)
    warp = ThinPlate(posed, SIDE_PX)
    targets = np.vstack([mean, frame])
    pulled = [warp.pull(layer, targets) for layer in layers]
    outlines, pictures = pulled[0], pulled[1:]
    alphas = _soft_maximum(outlines)
    picture = alphas[..., BACKGROUND, None] * _backdrop(spec, rng)
    lit = _light(spec)
    for layer, drawn in zip((SKIN, HAIR, CLOTHES), pictures, strict=True):
        picture += alphas[..., layer, None] * np.clip(drawn, 0, 255) * lit
    return _developed(picture, spec, rng)


def _upright_layers(
    spec: PortraitSpec, model: FaceModel, gains: DetailGains
) -> list[Float32]:
    """Outlines (250, 250, 4), then skin, hair and clothes (250, 250, 3)."""
    hair_rng = np.random.default_rng(spec.hair_seed)
    mean = model.means["shape"].reshape(68, 2)
    combed = strands(hair_rng, SIDE_PX, mean[27])
    skin = gains.restored(model.block("skin", spec.coefficients))
    skin = cleared_forehead(shaded(skin, mean), mean)
    pores = grain(hair_rng, SIDE_PX, 0.7) + grain(hair_rng, SIDE_PX, 1.5)
    skin *= 1 + 0.008 * pores[..., None]
    hair = _hair(spec, model, combed)
    clothes = _clothes(spec, model, grain(hair_rng, SIDE_PX, 0.8))
    # Hair and clothes belong to the person; a photo's own changes are mostly
    # mistakes in telling the layers apart.
    calm = 0.75 * spec.person + 0.25 * spec.coefficients
    outlines = _enlarged(model.block("outlines", calm).transpose(1, 2, 0)).copy()
    # Background taken for hair is commoner than the reverse: trim the average.
    # Single strands cross its edge.
    outlines[..., HAIR] += 0.7 * combed - 1.2
    return [narrowed(outlines, mean), skin, hair, clothes]


def _hair(spec: PortraitSpec, model: FaceModel, combed: Float32) -> Float32:
    """(250, 250, 3): the model's light and shade, a real hair colour, strands.

    Hair colours of the model hold some of the photographs' backgrounds.
    """
    grey = model.block("hair", spec.person).mean(axis=2)
    shade = _enlarged(cv2.GaussianBlur(grey, (0, 0), 2.0))
    shade = np.clip(shade / shade[40:125, 60:190].mean(), 0.65, 1.5)
    tone = np.clip(shade * (1 + 0.13 * combed), 0.3, 2.2)[..., None]
    return np.asarray(spec.hair * tone + 3 * combed[..., None], dtype=np.float32)


def _clothes(spec: PortraitSpec, model: FaceModel, weave: Float32) -> Float32:
    """(250, 250, 3) plain cloth under the light that the model's clothes are in."""
    grey = model.block("clothes", spec.person).mean(axis=2)
    shade = _enlarged(cv2.GaussianBlur(grey, (0, 0), 9.0))
    shade = np.sqrt(np.clip(shade / shade[200:, 40:210].mean(), 0.8, 1.15))
    tone = (shade * (1 + 0.012 * weave))[..., None]
    return np.asarray(spec.clothes * tone, dtype=np.float32)


def _enlarged(small: Float32) -> Float32:
    size = (SIDE_PX, SIDE_PX)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC))


def _posed(points: Float32, centre: Float32, spec: PortraitSpec) -> Float32:
    """(K, 2) points turned, scaled and moved as the photo asks."""
    cosine = np.cos(spec.roll_rad) * spec.scale
    sine = np.sin(spec.roll_rad) * spec.scale
    turn = np.array([[cosine, -sine], [sine, cosine]])
    moved = (points - centre) @ turn.T + centre + np.array(spec.shift_px)
    return np.asarray(moved, dtype=np.float32)


def _soft_maximum(outlines: Float32) -> Float32:
    """(250, 250, 4) fractions of the layers; edges about two pixels wide."""
    # Outlines are in px of maps three times coarser than the picture.
    sharp = 2.2 * (outlines - outlines.max(axis=2, keepdims=True))
    fractions = np.exp(sharp)
    fractions /= fractions.sum(axis=2, keepdims=True)
    # A hairline is no edge: hair gets thinner over a centimetre.
    lead = 0.9 * (outlines[..., HAIR] - outlines[..., SKIN])
    hair = 1 / (1 + np.exp(-lead))
    head = fractions[..., HAIR] + fractions[..., SKIN]
    fractions[..., HAIR], fractions[..., SKIN] = head * hair, head * (1 - hair)
    return np.asarray(fractions, dtype=np.float32)


def _backdrop(spec: PortraitSpec, rng: np.random.Generator) -> Float32:
    """(250, 250, 3) soft gradient with a few things out of focus."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32) / SIDE_PX
    along = ((x + y) / 2)[..., None]
    picture = spec.backdrop[0] * (1 - along) + spec.backdrop[1] * along
    blobs = np.stack([grain(rng, SIDE_PX, 22.0) for _ in range(3)], axis=2)
    grey = grain(rng, SIDE_PX, 30.0)[..., None]
    strength = rng.uniform(0, 12)
    blurred = picture + strength * (grey + 0.1 * blobs)
    return np.asarray(np.clip(blurred, 5, 250), dtype=np.float32)


def _light(spec: PortraitSpec) -> Float32:
    """(250, 250, 1) brightness of a lamp to one side."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    across, down = (x - SIDE_PX / 2) / 100, (y - SIDE_PX / 2) / 100
    lit = 1 + np.tanh(spec.light[0] * across + spec.light[1] * down)
    return np.asarray(lit[..., None], dtype=np.float32)


def _developed(picture: Float32, spec: PortraitSpec, rng: np.random.Generator) -> Image:
    """Lens, colour cast and sensor noise."""
    softness_px = 0.35 + spec.blur_px
    soft = np.asarray(cv2.GaussianBlur(picture * spec.cast, (0, 0), softness_px))
    speckle = rng.normal(size=picture.shape) * 0.4
    speckle += rng.normal(size=(*picture.shape[:2], 1))
    # Cameras sharpen: this brings back what warping and blending took.
    crisp = soft + 0.6 * (soft - np.asarray(cv2.GaussianBlur(soft, (0, 0), 1.3)))
    noisy = np.round(crisp + spec.noise * speckle)
    return np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)
