"""Puts 68 landmarks on a found face: dlib's shape predictor on an upright crop."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from masking.faces.alignment import UPPER_FACE, ChipGeometry, similarity, warp
from masking.faces.mean_face import CANONICAL_FACE
from masking.files.model_files import read_arrays, write_arrays
from masking.landmarks import Float32, Image, Landmarks, five_points

# The crop that landmarks are looked for in.
GEOMETRY = ChipGeometry(size_px=256, padding=0.5)
FIVE = five_points(GEOMETRY.targets())
_MEAN_FIVE = five_points(CANONICAL_FACE)
_UPPER = GEOMETRY.targets()[UPPER_FACE]
# The second look is this much closer, about the middle of the crop.
_CLOSER = 1.06
_NEARER = np.hstack(
    [np.eye(2) * _CLOSER, np.full((2, 1), (1 - _CLOSER) * (GEOMETRY.size_px - 1) / 2)]
)
# Middle and half side of the box that dlib's stock detector draws on average, in the
# coordinates of the canonical face: landmark models expect such boxes.
_BOX_MIDDLE, _BOX_HALF = 0.515, 0.65


class LandmarkPredictor:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014).

    dlib's own is exact on unmasked faces; ours, trained on synthetic masks, on eyes and
    brows of masked ones.
    """

    def __init__(self, path: Path, steady: bool = False):
        """
        Args:
            path: a .dat of dlib's, or an .npz of `write_packed`.
            steady: the mean of looks at the crop and its mirror image, and at a crop
                that the eyes and brows of these align. On people held out of training
                eyes under masks are off by .0226 of their distance instead of .0265.
        """
        import dlib

        self._predictor = _loaded(path)
        self._box: Any = dlib.rectangle(*box_corners())
        self._steady = steady

    def predict(self, image: Image, points: Float32) -> Landmarks:
        """The 68 points of a face of an (H, W, 3) uint8 RGB picture, px.

        Args:
            points: (5, 2) eyes, tip of the nose and corners of the mouth, px, or
                (68, 2) of an earlier look, of which eyes and brows count.
        """
        first = self.first_look(image, points)
        if not self._steady:
            return first
        aligned = similarity(first.points[UPPER_FACE], _UPPER)
        matrix = _NEARER @ np.vstack([aligned, [0.0, 0.0, 1.0]])
        second = self._look(image, matrix)
        return _mean(first, second)

    def first_look(self, image: Image, points: Float32) -> Landmarks:
        """As `predict`, without the look at the crop that the first one aligns."""
        if len(points) == len(FIVE):
            return self._look(image, similarity(points, FIVE))
        return self._look(image, similarity(points[UPPER_FACE], _UPPER))

    def _look(self, image: Image, matrix: NDArray[np.float64]) -> Landmarks:
        """Landmarks in the crop that a (2, 3) matrix cuts, px of the picture."""
        crop = warp(image, matrix, GEOMETRY.size_px)
        found = self._points(crop)
        if self._steady:
            mirrored = self._points(np.asarray(cv2.flip(crop, 1), np.uint8))
            other = mirrored.mirrored(GEOMETRY.size_px)
            found = _mean(found, other)
        return found.moved(np.asarray(cv2.invertAffineTransform(matrix), np.float64))

    def _points(self, crop: Image) -> Landmarks:
        shape = self._predictor(crop, self._box)
        points = [(point.x, point.y) for point in shape.parts()]
        return Landmarks(np.array(points, dtype=np.float32))


@cache
def _loaded(path: Path) -> Any:
    """The `dlib.shape_predictor` of a file; reading one takes a third of a second."""
    import dlib

    if path.suffix == ".npz":
        return read_packed(path)
    return dlib.shape_predictor(os.fsencode(path))


class FivePointPredictor:
    """The mean face where the detector saw eyes, nose and mouth; no model.

    Crops are exact, since they are cut by turn, scale and shift alone. Brows and jaw
    are where the mean face has them.
    """

    def predict(self, image: Image, points: Float32) -> Landmarks:
        """As `LandmarkPredictor.predict`; the picture is not looked at."""
        five = points if len(points) == len(_MEAN_FIVE) else five_points(points)
        return Landmarks(CANONICAL_FACE).moved(similarity(_MEAN_FIVE, five))

    first_look = predict


def _mean(one: Landmarks, other: Landmarks) -> Landmarks:
    return Landmarks(np.asarray((one.points + other.points) / 2, np.float32))


def box_corners() -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the box of a face in the crop, px."""
    middle = (_BOX_MIDDLE + GEOMETRY.padding) * GEOMETRY.square_px
    half = _BOX_HALF * GEOMETRY.square_px
    low, high = round(middle - half), round(middle + half)
    return low, low, high, high


# dlib writes six bytes for each number. Trees that are trained one after the other do
# not ask for that: with leaves of nine bits, rounded to 1/255 of the largest of their
# tree, eyes under masks lie as near to the true ones as before, .034 of their distance
# on 584 hard pictures of people held out of training. The file is a sixth of dlib's.
_VERSION = 1
_NAMES = ("mean", "leaves", "exponents", "features", "thresholds", "anchors", "offsets")
# Largest whole number of a leaf: one byte, and dlib keeps the sign beside it.
_LARGEST = 255
Bytes = NDArray[np.uint8]


def read_packed(path: Path) -> Any:
    """The `dlib.shape_predictor` of a file that `write_packed` wrote.

    Raises:
        MissingInput, BadRecord: the file cannot be read, or is damaged.
    """
    import dlib

    arrays = read_arrays(path, "the landmark model", _VERSION, _NAMES)
    # As its pickles do; dlib itself reads from files only.
    predictor = dlib.shape_predictor.__new__(dlib.shape_predictor)
    predictor.__setstate__((_stream(*arrays),))
    return predictor


def write_packed(path: Path, data: bytes) -> None:
    """Packs what dlib wrote; trees of all levels must be alike in number and depth."""
    mean, splits, leaves, anchors, offsets = _parsed(data)
    largest = np.abs(leaves).max(axis=(2, 3))
    exponents = np.floor(np.log2(_LARGEST / np.maximum(largest, 1e-9)))
    steps = np.rint(np.ldexp(leaves, exponents.astype(int)[..., None, None]))
    write_arrays(
        path,
        _VERSION,
        mean=mean.astype(np.float32),
        leaves=steps.astype(np.int16),
        exponents=exponents.astype(np.int16),
        features=splits[..., :2].astype(np.int16),
        thresholds=splits[..., 2].astype(np.float32),
        anchors=anchors.astype(np.uint8),
        offsets=offsets.astype(np.float32),
    )


def _stream(
    mean: NDArray[Any],
    leaves: NDArray[Any],
    exponents: NDArray[Any],
    features: NDArray[Any],
    thresholds: NDArray[Any],
    anchors: NDArray[Any],
    offsets: NDArray[Any],
) -> bytes:
    """What dlib's `serialize` writes (dlib/image_processing/shape_predictor.h).

    Args:
        mean: (P,) the mean shape.
        leaves: (L, T, N, P) whole numbers of T trees in each of L levels.
        exponents: (L, T) a leaf's number is its whole one times 2 to the minus this.
        features: (L, T, N - 1, 2) the two pixels that a split compares.
        thresholds: (L, T, N - 1) of their difference.
        anchors: (L, F) the points that the pixels lie beside.
        offsets: (L, F, 2) from there.
    """
    levels, trees, ends, size = leaves.shape
    shape = _integers([-size, -1], 2).reshape(-1)
    where = _integers(features, 2).reshape(*thresholds.shape, -1)
    split = np.concatenate([where, _floats(thresholds)], axis=-1)
    # Of seven million numbers every copy takes time: these are written in place.
    leaf = np.empty((levels, trees, ends, shape.size + 4 * size), np.uint8)
    leaf[..., : shape.size] = shape
    numbers = leaf[..., shape.size :].reshape(*leaves.shape, 4)
    numbers[..., 0] = 1
    numbers[..., 0] |= (leaves < 0).view(np.uint8) << 7
    numbers[..., 1] = np.abs(leaves)
    numbers[..., 2:] = _integers(-exponents, 1)[:, :, None, None]
    forest = [
        np.broadcast_to(_integers(ends - 1, 2), (levels, trees, 3)),
        split.reshape(levels, trees, -1),
        np.broadcast_to(_integers(ends, 2), (levels, trees, 3)),
        leaf.reshape(levels, trees, -1),
    ]
    blocks = [_integers(1, 1), shape, _floats(mean)]
    for count, parts in (
        (trees, np.concatenate(forest, axis=-1)),
        (anchors.shape[1], _integers(anchors, 1)),
        (anchors.shape[1], _floats(offsets)),
    ):
        blocks.append(_integers(levels, 2))
        for part in parts:
            blocks += [_integers(count, 2), part]
    return b"".join(block.tobytes() for block in blocks)


def _integers(values: ArrayLike, width: int) -> Bytes:
    """(..., 1 + width): dlib's whole numbers: width, sign in the top bit, bytes."""
    whole = np.asarray(values)
    out = np.empty((*whole.shape, 1 + width), np.uint8)
    out[..., 0] = width + 128 * (whole < 0)
    size = np.abs(whole)
    for place in range(width):
        out[..., 1 + place] = (size >> (8 * place)) & 255
    return out


def _floats(values: NDArray[Any]) -> Bytes:
    """(..., 8): dlib's float32: a whole number of 24 bits and its power of two."""
    part, power = np.frexp(values.astype(np.float64))
    whole = np.rint(np.ldexp(part, 24)).astype(np.int64)
    return np.concatenate([_integers(whole, 4), _integers(power - 24, 2)], axis=-1)


class _Reader:
    """Numbers of a file of dlib's, one after the other."""

    def __init__(self, data: bytes):
        self._data, self.at = data, 0

    def whole(self) -> int:
        head = self._data[self.at]
        end = self.at + 1 + (head & 15)
        value = int.from_bytes(self._data[self.at + 1 : end], "little")
        self.at = end
        return -value if head & 128 else value

    def real(self) -> float:
        value = self.whole()
        return value * float(2.0 ** self.whole())

    def matrix(self) -> list[float]:
        return [self.real() for _ in range(abs(self.whole()) * abs(self.whole()))]


def _parsed(data: bytes) -> tuple[NDArray[np.float64], ...]:
    """Mean, splits (L, T, N - 1, 3), leaves (L, T, N, P), anchors, offsets."""
    read = _Reader(data)
    if read.whole() != 1:
        raise ValueError("no shape predictor of dlib's format 1")
    mean = read.matrix()
    splits: list[list[list[list[float]]]] = []
    leaves: list[list[list[list[float]]]] = []
    for _ in range(read.whole()):
        splits.append([])
        leaves.append([])
        for _ in range(read.whole()):
            count = read.whole()
            splits[-1].append(
                [[read.whole(), read.whole(), read.real()] for _ in range(count)]
            )
            leaves[-1].append([read.matrix() for _ in range(read.whole())])
    anchors = [[read.whole() for _ in range(read.whole())] for _ in range(read.whole())]
    offsets = [
        [[read.real(), read.real()] for _ in range(read.whole())]
        for _ in range(read.whole())
    ]
    return tuple(np.array(one) for one in (mean, splits, leaves, anchors, offsets))
