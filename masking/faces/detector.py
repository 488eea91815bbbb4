"""Finds faces with five landmarks: YuNet on a pyramid of tiles, then a closer look.

Source: Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", Machine
Intelligence Research 2023; OpenCV runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.faces.alignment import warp
from masking.faces.model_files import yunet_model
from masking.faces.roll import BOXES as ROLL_BOXES
from masking.faces.roll import CROP_PX as ROLL_PX
from masking.faces.roll import RollEstimator
from masking.landmarks import Float32, Image

Matrix = NDArray[np.float64]

# Pictures are read whole up to the first number of pixels, larger ones at this
# fraction of their pixels: faces of 24 px are still 16 px wide then.
_WHOLE_PX, _FRACTION = 0.4e6, 0.45
# YuNet sees faces of 10 to 300 px; the levels of the pyramid differ by this factor.
_STEP = 4
# Tiles keep the network in the processor's cache (a third faster at 2 megapixels). A
# face up to the overlap lies whole in one of them, the next level sees larger ones.
_TILE_PX, _OVERLAP_PX = 640, 96
# Pictures that are shrunk by less are read by bilinear sampling, which finds as many
# faces and takes a quarter of the time.
_AREA = 0.5
# Black around all levels but the first: tight crops show nothing around the face.
_BORDER_PX = 16
_LEAST_LEVEL_PX = 40
_LEAST_FACE_PX = 14
# Where no face is so sure, the picture is also seen turned, at this size.
_PLAIN, _TURNED_PX = 0.85, 330
# Lowest score of candidates, chosen on the benchmark's web photos, and of faces in
# general. This and what follows were chosen on 212 people held out of LFW DevTrain and
# CelebA, with rendered masks at all turns, on 1,600 DevTrain photos without their head,
# and on 120 really masked faces of RMFRD as they are and 121 on backgrounds. A bar of
# .70 lost 9 of the latter that the former .62 found, this one 2; .62 let half as many
# more patterns pass.
_CANDIDATE, _FACE = 0.4, 0.66
# Of faces turned by more than so much: patterns and hands look like faces from some
# side, so that small ones do not count at all.
_TURNED_FACE, _TURNED_DEG, _LEAST_TURNED_PX = 0.78, 35.0, 24
# Of upright faces as large as this part of the picture's shorter side: crops of faces.
_CROPPED_FACE, _CROPPED = 0.5, 0.6
# Less sure ones are looked at in the mirror too, where few patterns look like faces.
_UNSURE = 0.8
# Boxes that share this much of the smaller one show the same face.
SAME_FACE = 0.4
# The crop of the closer look, and the face in it.
_CROP_PX, _CLOSE_PX, _NEAR = 128, 72, 0.35
# It is repeated until the face is upright within so much.
_LEVEL_DEG, _LOOKS = 8.0, 3
# A face that is so sure is upright; others are seen turned by a little more.
_SURE, _ASIDE_DEG = 0.87, 20.0
_LEAST_LOOK = 0.2
_LEAST_INPUT_PX = 64
DETECTOR = "yunet"


@dataclass(frozen=True)
class FaceBox:
    """A detected face: corners in px of the photograph, may lie outside of it.

    Attributes:
        score: the detector's confidence, 0 to 1, higher is surer.
        detector: name of what found it, as written in manifests.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    detector: str

    @property
    def area_px(self) -> float:
        """Area in square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


@dataclass(frozen=True, eq=False)
class Detection:
    """A face by its five points.

    Attributes:
        points: (5, 2) float32, (x, y) px of the photograph: centres of the person's
            right and left eye, tip of the nose, right and left corner of the mouth.
        middle: (2,) float32, of the face from forehead to chin, px.
        side_px: its longer side.
        score: 0 to 1, higher is surer.
        turn_deg: the roll that the picture was turned back by when it was seen.
    """

    points: Float32
    middle: Float32
    side_px: float
    score: float
    turn_deg: float = 0.0

    @property
    def box(self) -> FaceBox:
        """The upright square about the face."""
        (x, y), half = (float(v) for v in self.middle), self.side_px / 2
        return FaceBox(x - half, y - half, x + half, y + half, self.score, DETECTOR)

    def moved(self, matrix: Matrix) -> Detection:
        """Under a (2, 3) similarity."""
        points = np.vstack([self.points, self.middle]) @ matrix[:, :2].T + matrix[:, 2]
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        placed = points.astype(np.float32)
        side_px = self.side_px * scale
        return replace(self, points=placed[:5], middle=placed[5], side_px=side_px)


@dataclass(frozen=True, eq=False)
class _Look:
    """What was seen of a face that was turned back by `roll_deg`."""

    face: Detection
    roll_deg: float
    seen: Detection


class FaceDetector:
    """All faces of a picture of any size, whichever way up they are."""

    def __init__(self) -> None:
        self._wide = _yunet(_CANDIDATE)
        # Of its own: a new size of the input costs YuNet a millisecond.
        self._close = _yunet(_LEAST_LOOK)

    @cached_property
    def _roll(self) -> RollEstimator:
        return RollEstimator()

    def detect(self, image: Image) -> list[Detection]:
        """Faces of an (H, W, 3) uint8 RGB picture from 24 px on, the surest first."""
        upright = self.candidates(image)
        faces = self._faces(image, upright)
        if faces and faces[0].score >= _PLAIN:
            return faces
        # Of a face that is seen from several sides the surest view is enough.
        seen = strongest(upright + self._turned(image))
        turned = [face for face in seen if face.turn_deg]
        return strongest(faces + self._faces(image, turned))

    def candidates(self, image: Image) -> list[Detection]:
        """What may be a face at the first look, the points as if it were upright."""
        levels = _levels(image)
        return strongest([face for one in levels for face in self._level(*one)])

    def look(self, image: Image, face: Detection, roll_deg: float) -> Detection:
        """The face as it is seen upright, alone and at one size; score 0 = not at all.

        Args:
            roll_deg: how far the face is turned.
        """
        matrix = _close_crop(face, roll_deg)
        seen = self._in_crop(warp(image, matrix, _CROP_PX))
        return seen.moved(_inverse(matrix)) if seen else replace(face, score=0.0)

    def _in_crop(self, crop: Image) -> Detection | None:
        """The surest face in the middle of a crop of the closer look."""
        seen = [
            found
            for found in _run(self._close, crop)
            if np.abs(found.middle - _CROP_PX / 2).max() < _NEAR * _CLOSE_PX
        ]
        return max(seen, key=lambda found: found.score) if seen else None

    def _turned(self, image: Image) -> list[Detection]:
        """Candidates in the picture on its sides and its head: YuNet overlooks many."""
        small, back = _resized(image, min(1.0, _TURNED_PX / max(image.shape[:2])))
        height, width = small.shape[:2]
        found = []
        for turns, undo in (
            (1, [[0.0, -1.0, width - 1.0], [1.0, 0.0, 0.0]]),
            (2, [[-1.0, 0.0, width - 1.0], [0.0, -1.0, height - 1.0]]),
            (3, [[0.0, 1.0, 0.0], [-1.0, 0.0, height - 1.0]]),
        ):
            seen = np.ascontiguousarray(np.rot90(small, turns))
            faces = self._level(seen, _after(back, np.array(undo)))
            found += [replace(face, turn_deg=90.0 * turns) for face in faces]
        return found

    def _faces(self, image: Image, candidates: list[Detection]) -> list[Detection]:
        """What the closer look takes for faces, with exact points."""
        found = []
        for face in candidates:
            look = self._upright(image, face)
            score = (face.score + look.seen.score) / 2
            if max(score, face.score) < _UNSURE:
                close = (look.seen.score + self._mirrored_score(image, look)) / 2
                # A candidate counts half of a look: it may be turned.
                score = (face.score + 4 * close) / 5
            if score >= _least_score(look, min(image.shape[:2])):
                sure = look.seen.score >= _SURE
                seen = look.seen if sure else self._levelled(image, look)
                found.append(replace(seen, score=score))
        return strongest(found)

    def _mirrored_score(self, image: Image, look: _Look) -> float:
        crop = warp(image, _close_crop(look.face, look.roll_deg), _CROP_PX)
        seen = self._in_crop(np.ascontiguousarray(crop[:, ::-1]))
        return seen.score if seen else 0.0

    def _upright(self, image: Image, face: Detection) -> _Look:
        """The face upright; where it is unsure, from other turns to begin with."""
        best = self._settled(image, face, face.turn_deg)
        if best.seen.score < _SURE:
            others = [
                self._settled(image, face, face.turn_deg + more)
                for more in (90.0, 180.0, 270.0)
            ]
            # As YuNet took it: small faces are too coarse to tell their roll.
            as_taken = self._look(image, face, face.turn_deg)
            best = max([best, as_taken, *others], key=_seen_score)
        return best

    def _levelled(self, image: Image, look: _Look) -> Detection:
        """The face as it is seen best turned by a little more; its points are."""
        aside = [
            self._look(image, look.seen, look.roll_deg + more)
            for more in (-_ASIDE_DEG, _ASIDE_DEG)
        ]
        return max([look, *aside], key=_seen_score).seen

    def _settled(self, image: Image, face: Detection, roll_deg: float) -> _Look:
        """Looks again until the face is upright in the crop."""
        for _ in range(_LOOKS):
            left_deg = self._roll.roll_deg(roll_crop(image, face, roll_deg))
            roll_deg += left_deg
            look = self._look(image, face, roll_deg)
            face = look.seen
            if face.score == 0 or abs(left_deg) < _LEVEL_DEG:
                break
        return look

    def _look(self, image: Image, face: Detection, roll_deg: float) -> _Look:
        return _Look(face, roll_deg, self.look(image, face, roll_deg))

    def _level(self, level: Image, back: Matrix) -> list[Detection]:
        """Candidates of one level of the pyramid, in px that `back` leads to."""
        found = []
        for top, tall in _tiles(level.shape[0]):
            for left, wide in _tiles(level.shape[1]):
                tile = level[top : top + tall, left : left + wide]
                to = _after(back, np.array([[1, 0, left], [0, 1, top]]))
                found += [face.moved(to) for face in _run(self._wide, tile)]
        return found


def roll_crop(image: Image, face: Detection, roll_deg: float = 0.0) -> Image:
    """What the roll of a face that is turned back by some is estimated from."""
    return warp(image, _upright_crop(face, roll_deg, ROLL_PX, ROLL_BOXES), ROLL_PX)


def _close_crop(face: Detection, roll_deg: float) -> Matrix:
    return _upright_crop(face, roll_deg, _CROP_PX, _CROP_PX / _CLOSE_PX)


def _least_score(look: _Look, picture_px: int) -> float:
    """Score from which on what was seen is a face; inf where it is too small.

    Args:
        picture_px: shorter side of the picture.
    """
    turned = abs((look.roll_deg + 180.0) % 360.0 - 180.0) > _TURNED_DEG
    side_px = look.seen.side_px
    if side_px < (_LEAST_TURNED_PX if turned else _LEAST_FACE_PX):
        return np.inf
    if turned:
        return _TURNED_FACE
    return _CROPPED_FACE if side_px >= _CROPPED * picture_px else _FACE


def _upright_crop(face: Detection, roll_deg: float, px: int, boxes: float) -> Matrix:
    """(2, 3) matrix from the photograph to a square crop of some face boxes."""
    scale = px / (boxes * face.side_px)
    cosine, sine = np.cos(np.deg2rad(roll_deg)), np.sin(np.deg2rad(roll_deg))
    turn = scale * np.array([[cosine, sine], [-sine, cosine]])
    return np.hstack([turn, ((px - 1) / 2 - turn @ face.middle)[:, None]])


def strongest(faces: list[Detection]) -> list[Detection]:
    """One detection a face: those that no surer one overlaps, the surest first."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) < SAME_FACE for other in kept):
            kept.append(face)
    return kept


def overlap(one: FaceBox, other: FaceBox) -> float:
    """Shared area of two boxes, as a fraction of the smaller one."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    smaller = min(one.area_px, other.area_px)
    return max(0.0, width) * max(0.0, height) / smaller if smaller else 0.0


def _levels(image: Image) -> Iterator[tuple[Image, Matrix]]:
    """The pyramid: pictures with the matrix from their px to those of the first."""
    height, width = image.shape[:2]
    fraction = max(_FRACTION, _WHOLE_PX / (height * width))
    scale = min(1.0, float(np.sqrt(fraction)))
    small, back = _resized(image, scale)
    yield small, back
    while max(small.shape[:2]) >= _STEP * _LEAST_LEVEL_PX:
        small, step = _resized(small, 1 / _STEP)
        back = _after(back, step)
        framed = cv2.copyMakeBorder(
            small, _BORDER_PX, _BORDER_PX, _BORDER_PX, _BORDER_PX, cv2.BORDER_CONSTANT
        )
        shift = np.array([[1.0, 0.0, -_BORDER_PX], [0.0, 1.0, -_BORDER_PX]])
        yield np.asarray(framed, np.uint8), _after(back, shift)


def _tiles(side: int) -> Iterator[tuple[int, int]]:
    """Starts and lengths of overlapping pieces of a side, all of one length."""
    count = max(1, -(-(side - _OVERLAP_PX) // (_TILE_PX - _OVERLAP_PX)))
    length = -(-(side - _OVERLAP_PX) // count) + _OVERLAP_PX
    for number in range(count):
        yield max(0, min(number * (length - _OVERLAP_PX), side - length)), length


def _resized(image: Image, scale: float) -> tuple[Image, Matrix]:
    """The picture, and the (2, 3) matrix back to px of the given one."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    back = np.diag([width / size[0], height / size[1]])
    # Pixel centres stay centres.
    matrix = np.hstack([back, (np.diag(back) / 2 - 0.5)[:, None]])
    if size == (width, height):
        return image, matrix
    how = cv2.INTER_AREA if scale < _AREA else cv2.INTER_LINEAR
    small = cv2.resize(image, size, interpolation=how)
    return np.asarray(small, np.uint8), matrix


def _yunet(least: float) -> Any:
    return cv2.FaceDetectorYN.create(str(yunet_model()), "", (320, 320), least, 0.3)


def _run(network: Any, image: Image) -> list[Detection]:
    """YuNet's faces of an RGB picture, whose size it is told first."""
    height, width = image.shape[:2]
    if min(height, width) < _LEAST_INPUT_PX:
        # Of pictures up to 32 px high OpenCV 4.14 answers what lies in memory.
        wide, tall = (max(0, _LEAST_INPUT_PX - side) for side in (width, height))
        framed = cv2.copyMakeBorder(image, 0, tall, 0, wide, cv2.BORDER_CONSTANT)
        image = np.asarray(framed, np.uint8)
    network.setInputSize((image.shape[1], image.shape[0]))
    _, rows = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return [] if rows is None else [_detection(row) for row in rows]


def _detection(row: Float32) -> Detection:
    """A row of YuNet: left, top, width, height, five points, score."""
    middle = np.asarray(row[:2] + row[2:4] / 2, np.float32)
    return Detection(
        row[4:14].reshape(5, 2), middle, float(max(row[2:4])), float(row[14])
    )


def _after(second: Matrix, first: Matrix) -> Matrix:
    """The (2, 3) matrix of two changes, one after the other."""
    shift = second[:, :2] @ first[:, 2] + second[:, 2]
    return np.hstack([second[:, :2] @ first[:, :2], shift[:, None]])


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _seen_score(look: _Look) -> float:
    return look.seen.score
