"""From a folder of photographs to a fitted face model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32, Image
from tools.detector_training.training_faces import (
    SIDE_PX,
    TrainingFace,
    balanced,
    mean_shape,
    upright,
)
from tools.sample_people.casting import PHOTO_SPREAD, group_means, sample_rng
from tools.sample_people.detail import DetailGains, measure_gains
from tools.sample_people.face_layers import (
    FaceLayers,
    first_atlas,
    segment,
    smooth_atlas,
    split_layers,
)
from tools.sample_people.face_model import FaceModel, covariance_root, fit_model
from tools.sample_people.thin_plate import ThinPlate, frame_points

_PATCH_PX = 48
_COMPONENTS = 40


def most_usual(images: Sequence[Image], mean: Float32, count: int) -> list[int]:
    """Indices of the `count` photographs that components explain best, in order.

    What covers a face in one photograph and not in the others is what principal
    components explain worst; averaged in, it would leave ghosts.

    Args:
        images: (250, 250, 3) uint8, warped to the mean shape.
        mean: (68, 2) px, the mean shape.
    """
    eyes = np.vstack([mean[17:27], mean[36:48], mean[29:31]])
    face = mean - np.array([0, 4], dtype=np.float32)
    unusual = _residuals(images, eyes) + 0.7 * _residuals(images, face)
    return sorted(int(index) for index in np.argsort(unusual)[:count])


def _residuals(images: Sequence[Image], around: Float32) -> Float32:
    """(N,) fraction of a patch's contrast that the components leave over."""
    left, top = np.floor(around.min(axis=0)).astype(int) - 4
    right, bottom = np.ceil(around.max(axis=0)).astype(int) + 4
    rows = np.stack(
        [
            cv2.resize(
                cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY),
                (_PATCH_PX, _PATCH_PX),
                interpolation=cv2.INTER_AREA,
            ).ravel()
            for image in images
        ]
    ).astype(np.float32)
    # Exposure is not unusual: judge the pattern alone.
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= rows.std(axis=1, keepdims=True) + 1
    rows -= rows.mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    basis = vectors[:, np.argsort(values)[::-1][:_COMPONENTS]]
    left_over = rows - rows @ basis @ basis.T
    return np.asarray((left_over**2).mean(axis=1), dtype=np.float32)


_ATLAS_PHOTOS = 500
_GAIN_PHOTOS = 300


@dataclass(frozen=True, eq=False)
class FittedFaces:
    """The model, what goes with it, and the photographs that it was fitted on."""

    model: FaceModel
    gains: DetailGains
    faces: list[TrainingFace]


def fit_faces(faces: list[TrainingFace], photos: int, components: int) -> FittedFaces:
    """Warp photographs to one shape, split them into layers, fit the model.

    Args:
        faces: photographs to choose from.
        photos: how many to use; those with something odd in them are left out.
        components: of the model.
    """
    mean = mean_shape(np.stack([face.points for face in faces]))
    images, shapes = _warped(faces, mean)
    kept = most_usual(images, mean, photos)
    faces = [faces[index] for index in kept]
    images = [balanced(images[index], mean) for index in kept]
    layers = _layers(images, mean)
    people = [face.person for face in faces]
    model = fit_model(shapes[kept], layers, people, components)
    return FittedFaces(model, _gains(model, layers), faces)


def groups_of(fitted: FittedFaces, embeddings: Float32) -> NDArray[np.float64]:
    """(N, K) middles of groups of alike faces; see `group_means`."""
    return group_means(embeddings, fitted.model.training)


def _warped(
    faces: list[TrainingFace], mean: Float32
) -> tuple[list[Image], NDArray[np.float32]]:
    """Photographs warped to the mean shape, and their (N, 68, 2) own shapes."""
    frame = frame_points(SIDE_PX)
    warp = ThinPlate(np.vstack([mean, frame]), SIDE_PX)
    images, shapes = [], []
    for face in faces:
        image, points = upright(face, mean)
        pulled = warp.pull(image, np.vstack([points, frame]))
        images.append(pulled.astype(np.uint8, copy=False))
        shapes.append(points)
    return images, np.stack(shapes)


def _layers(images: list[Image], mean: Float32) -> list[FaceLayers]:
    atlas = first_atlas(mean)
    for _ in range(3):
        some = images[:_ATLAS_PHOTOS]
        fractions = [segment(image, atlas, mean) for image in some]
        atlas = smooth_atlas(np.mean(fractions, axis=0))
    return [split_layers(image, segment(image, atlas, mean)) for image in images]


def _gains(model: FaceModel, layers: list[FaceLayers]) -> DetailGains:
    root = covariance_root(model.between + PHOTO_SPREAD**2 * model.within)
    rng = sample_rng(0, "gains")
    drawn = [
        model.block("skin", root @ rng.normal(size=len(root)))
        for _ in range(_GAIN_PHOTOS)
    ]
    return measure_gains([layer.skin for layer in layers[:_GAIN_PHOTOS]], drawn)
