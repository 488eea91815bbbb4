"""Draws one person's photos and judges whether they may be published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import dlib
import numpy as np
from numpy.typing import NDArray

from masking.datasets.images import decode_rgb, encode_image, read_rgb
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import unmasked_finder
from masking.files.model_files import RECOGNITION, dlib_model
from masking.landmarks import Float32, Image
from tools.sample_people.casting import draw_person, draw_photo, sample_rng
from tools.sample_people.face_collection import FittedFaces
from tools.sample_people.face_model import FaceModel
from tools.sample_people.portrait import draw_portrait


class LikenessCheck:
    """dlib's embedder: Euclidean distance, smaller is more alike."""

    def __init__(self) -> None:
        self._network: Any = dlib.face_recognition_model_v1(
            str(dlib_model(RECOGNITION))
        )
        self._finder = unmasked_finder()

    def embeddings(self, images: Iterable[Image]) -> Float32:
        """(N, 128) float32, one row a picture; NaN where no face is found."""
        rows = [self._embedding(image) for image in images]
        return np.array(rows, dtype=np.float32).reshape(-1, 128)

    def _embedding(self, image: Image) -> Float32:
        faces = self._finder.find(image)
        if not faces:
            return np.full(128, np.nan, np.float32)
        chip = crop_chip(image, faces[0].landmarks, ChipGeometry(), "")
        row = self._network.compute_face_descriptor(np.ascontiguousarray(chip.pixels))
        return np.array(row, dtype=np.float32)


def nearest_distances(rows: Float32, others: Float32) -> Float32:
    """(N,) distance of each (N, 128) row to its nearest in (M, 128)."""
    squared = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.asarray(np.sqrt(np.maximum(squared, 0).min(axis=1)), dtype=np.float32)


def stranger_distances(rows: Float32, people: list[str]) -> Float32:
    """(N,) distance of each real photo to the nearest one of somebody else."""
    _, who = np.unique(np.array(people), return_inverse=True)
    nearest = []
    for row, own in zip(rows, who, strict=True):
        others = rows[who != own]
        nearest.append(nearest_distances(row[None], others)[0])
    return np.array(nearest, dtype=np.float32)


PHOTOS_EACH = 8
JPEG_QUALITY = 90
# Fraction of real photos that have some stranger's photo nearer than the limit: who
# is drawn is no more like anybody photographed than real strangers are.
STRANGER_QUANTILE = 0.05
# dlib's author calls two photos closer than this one person. People drawn keep
# their means this far from each other; means lie closer than single photos do.
MIN_APART = 0.45


@dataclass(frozen=True, eq=False)
class Album:
    """Photos of one drawn person.

    Attributes:
        files: PHOTOS_EACH pictures, 250 x 250, as the bytes of JPEG files.
        largest_fraction: the most that one training photo weighs in any of them,
            as a fraction of all weights.
    """

    files: list[bytes]
    largest_fraction: float


@dataclass(frozen=True, eq=False)
class Likeness:
    """What drawn people are compared with.

    Attributes:
        training: (N, 128) embeddings of the photos that the model is fitted on.
        limit: distance that every drawn photo keeps from each of them.
    """

    check: LikenessCheck
    training: Float32
    limit: float


@dataclass
class SampleReport:
    """Figures of a finished sample.

    Attributes:
        limit: distance to every training photo that is asked of every photo.
        nearest: distance of each accepted photo to its nearest training photo.
        largest_fractions: one a person; see Album.
        rejected: people drawn and thrown away, by reason.
    """

    limit: float
    nearest: list[float] = field(default_factory=list)
    largest_fractions: list[float] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    bytes_written: int = 0


def measure_likeness(fitted: FittedFaces) -> Likeness:
    """Embed the training photos; the limit is how alike real strangers are."""
    check = LikenessCheck()
    rows = check.embeddings(read_rgb(face.path) for face in fitted.faces)
    # Faces were chosen because the same detector finds them.
    people = [face.person for face in fitted.faces]
    limit = np.quantile(stranger_distances(rows, people), STRANGER_QUANTILE)
    return Likeness(check, rows, float(limit))


def draw_album(
    fitted: FittedFaces, groups: NDArray[np.float64], seed: int, attempt: int
) -> Album:
    """The photos of the person that `attempt` stands for."""
    model = fitted.model
    person = draw_person(sample_rng(seed, f"person {attempt}"), model, groups)
    specs = [
        draw_photo(sample_rng(seed, f"person {attempt} photo {number}"), model, person)
        for number in range(PHOTOS_EACH)
    ]
    fraction = max(largest_fraction(model, spec.coefficients) for spec in specs)
    photos = [draw_portrait(spec, model, fitted.gains) for spec in specs]
    return Album(
        [encode_image(photo, ".jpg", JPEG_QUALITY) for photo in photos], fraction
    )


def largest_fraction(model: FaceModel, coefficients: NDArray[np.float64]) -> float:
    """Largest weight of one training photo, as a fraction of all weights.

    A drawn face is a sum of training faces: each with an equal weight from the
    mean, and one from the components.
    """
    weights = coefficients @ model.fractions
    weights = np.abs(weights - weights.mean() + 1 / len(weights))
    return float(weights.max() / weights.sum())


def judge(
    album: Album, likeness: Likeness, accepted: list[Float32], report: SampleReport
) -> Float32 | None:
    """The person's mean embedding, (128,), or None when the person is rejected.

    Writes the reason, or the figures of an accepted person, into the report.
    """
    # JPEG moves an embedding by as much as 0.03: judge what will be published.
    rows = likeness.check.embeddings(decode_rgb(file, "") for file in album.files)
    rows = rows[np.isfinite(rows[:, 0])]
    reason = _reason_against(rows, likeness, accepted)
    if reason is not None:
        report.rejected[reason] = report.rejected.get(reason, 0) + 1
        return None
    report.nearest += nearest_distances(rows, likeness.training).tolist()
    report.largest_fractions.append(album.largest_fraction)
    return np.asarray(rows.mean(axis=0), dtype=np.float32)


def _reason_against(
    rows: Float32, likeness: Likeness, accepted: list[Float32]
) -> str | None:
    if len(rows) < PHOTOS_EACH - 1:
        return "no face found"
    if nearest_distances(rows, likeness.training).min() < likeness.limit:
        return "like a training photo"
    mean = np.asarray(rows.mean(axis=0, keepdims=True), dtype=np.float32)
    if accepted and nearest_distances(mean, np.stack(accepted))[0] < MIN_APART:
        return "like another drawn person"
    return None
