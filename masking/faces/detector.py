"""Finds faces with five landmarks: YuNet on a pyramid of tiles, then a closer look.

Where YuNet is not sure a second network, RetinaFace, proposes faces too, and looks at
all of them: both decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from masking.faces.alignment import warp
from masking.faces.networks import BOXES as ROLL_BOXES
from masking.faces.networks import CROP_PX as ROLL_PX
from masking.faces.networks import (
    Matrix,
    RetinaFace,
    RollEstimator,
    YuNet,
    after,
    inverse,
    levels,
    quarters_back,
    resized,
    tiles,
)
from masking.landmarks import FaceBox, Float32, Image

# Lowest scores of candidates: of YuNet, and of RetinaFace.
_CANDIDATE, _PROPOSAL = 0.25, 0.05
# Two looks of YuNet of this mean, the closer one of this score: surely an upright face.
_PLAIN, _SURE = 0.85, 0.87
# Unless all are, RetinaFace reads the picture, as it is and on its head, at no more
# than so many pixels. It finds .85 to .90 of masked faces turned by 90 to 180 degrees
# as they are, .97 to .99 on their head as well. Where nothing is found, it reads it
# turned by a quarter, too, and smaller for the time's sake: of 424 masked faces of
# DevTrain that lie on their side 4 are missed instead of 15.
_SECOND_PX, _ON_SIDE_PX = 0.08e6, 0.04e6
# Lowest score of both networks, of upright faces and of those turned by more than so
# much: patterns look like faces from some side. Chosen on 76 people held out of LFW
# DevTrain and CelebA, with rendered masks at all turns, on 824 DevTrain photos without
# their head, and on 119 really masked faces of RMFRD: .7 finds 76 of the latter and 9
# patterns in the 824, .8 finds 68 and 5.
_FACE, _TURNED_FACE, _TURNED_DEG = 0.7, 0.9, 35.0
# Smaller ones do not count either, unless all is plain: of faces of CelebA that were
# shrunk to 24 px, 99 of 100 are seen as 21 px or more.
_LEAST_FACE_PX, _LEAST_TURNED_PX = 20, 24
# Below it no look of RetinaFace's makes a face of what it did not propose either. Below
# the second it looks at the slants, too, where it must be surer, and no plain face is.
_LEAST_OTHER, _STRAIGHT = 0.3, 0.9
# Of looks at several turns the one counts that both networks are surest of, an upright
# one by so much: of 878 masked faces of people held out 2 are read as turned, not 4.
_USUAL = 0.1
# A look of such a score is compared with one at the face on its head, which counts
# where YuNet is surer and RetinaFace's odds are so many times as high.
_DOUBTED, _ODDS = (0.7, 0.9), 3.0
# No network is surer than this, nor surer that there is no face.
_SUREST = 0.98
# Boxes that share this much of the smaller one show the same face, unless their middles
# are farther apart, in sides of the larger one: somebody may look past a large face.
_SHARED, _BESIDE = 0.4, 0.5
# The crop of the closer look, and the face in it.
_CROP_PX, _CLOSE_PX, _NEAR = 128, 72, 0.35
# It is repeated until the face is upright within so much, and gives this score or more.
_LEVEL_DEG, _LOOKS, _LEAST_LOOK = 8.0, 3, 0.2
# Proposals are told apart by whether the picture was turned by so much.
_OVER_DEG = 180.0
DETECTOR = "yunet"


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
    """What was seen of a face turned back by `roll_deg`, and RetinaFace's score."""

    face: Detection
    roll_deg: float
    seen: Detection
    other: float = 0.0

    @property
    def turned(self) -> bool:
        """Whether the face is far from upright."""
        return abs((self.roll_deg + 180.0) % 360.0 - 180.0) > _TURNED_DEG

    @property
    def evidence(self) -> float:
        """That this look is the right one of several at the same face."""
        return self.seen.score + self.other + (0.0 if self.turned else _USUAL)


class FaceDetector:
    """All faces of a picture of any size, whichever way up they are."""

    def __init__(self) -> None:
        self._first = YuNet()

    @cached_property
    def _roll(self) -> RollEstimator:
        return RollEstimator()

    @cached_property
    def _second(self) -> RetinaFace:
        return RetinaFace()

    def detect(self, image: Image) -> list[Detection]:
        """Faces of an (H, W, 3) uint8 RGB picture from 24 px on, the surest first."""
        looks = {face: self._seen(image, face) for face in self.candidates(image)}
        sure = [
            replace(look.seen, score=(face.score + look.seen.score) / 2)
            for face, look in looks.items()
            if look.seen.score >= _SURE
        ]
        faces = strongest([face for face in sure if face.score >= _PLAIN])
        if faces and _apart(list(looks), faces):
            return self._judged(image, faces, looks, [])
        # Nothing is turned by a quarter where anything is upright or on its head.
        return (
            faces
            or self._judged(image, [], looks, self._proposals(image, 0))
            or self._judged(image, [], {}, self._proposals(image, 1))
        )

    def _judged(
        self,
        image: Image,
        faces: list[Detection],
        looks: Mapping[Detection, _Look],
        proposed: list[Detection],
    ) -> list[Detection]:
        """The faces, and what else both networks take for one.

        Args:
            looks: at YuNet's candidates.
            proposed: RetinaFace's.
        """
        seen = list(looks)
        # One at a slant may be proposed at two turns, of which one is wrong.
        over = [face for face in proposed if face.turn_deg >= _OVER_DEG]
        upright = seen + [face for face in proposed if face.turn_deg < _OVER_DEG]
        found = []
        for face in _apart(strongest(upright) + strongest(over), faces):
            first, other = _most(face, seen), _most(face, proposed)
            look = looks.get(face) or self._seen(image, face)
            look = self._upright(image, face, look, other, slanted=not faces)
            score = joint_score(max(first, look.seen.score), max(other, look.other))
            if score >= _least_score(look):
                found.append((look.evidence, replace(look.seen, score=score)))
        found.sort(key=lambda one: -one[0])
        return strongest(faces + distinct([face for _, face in found]))

    def candidates(self, image: Image) -> list[Detection]:
        """What may be a face at the first look, the points as if it were upright."""
        return strongest([f for one in levels(image) for f in self._level(*one)])

    def look(self, image: Image, face: Detection, roll_deg: float) -> Detection:
        """The face as it is seen upright, alone and at one size; score 0 = not at all.

        Args:
            roll_deg: how far the face is turned.
        """
        matrix = _close_crop(face, roll_deg)
        crop = warp(image, matrix, _CROP_PX)
        seen = _in_middle(_detections(self._first.find(crop, _LEAST_LOOK)))
        return seen.moved(inverse(matrix)) if seen else replace(face, score=0.0)

    def _proposals(self, image: Image, quarter: int) -> list[Detection]:
        """What RetinaFace takes for faces, in the picture as it is and on its head.

        Args:
            quarter: 1 turns it by 90 degrees before.
        """
        pixels = image.shape[0] * image.shape[1]
        most_px = _ON_SIDE_PX if quarter else _SECOND_PX
        small, back = resized(image, min(1.0, float(np.sqrt(most_px / pixels))))
        found = []
        for turn in (quarter, quarter + 2):
            turned = np.ascontiguousarray(np.rot90(small, turn))
            to = after(back, quarters_back(turned, turn))
            faces = _detections(self._second.find(turned, _PROPOSAL))
            found += [replace(face.moved(to), turn_deg=90.0 * turn) for face in faces]
        return found

    def _upright(
        self, image: Image, face: Detection, look: _Look, other: float, slanted: bool
    ) -> _Look:
        """The face as it is seen best, by both networks, beginning with a look.

        Args:
            other: score of RetinaFace's candidate here.
            slanted: whether it may be turned by 45 degrees, or 135.
        """
        if look.seen.score >= _SURE:
            return self._confirmed(image, look)
        seen = self._around(image, face, face.turn_deg)
        sure = max(one.score for one in seen.values())
        if max(other, sure) < _LEAST_OTHER:
            return look
        if slanted and sure < _STRAIGHT:
            slants = self._around(image, face, face.turn_deg + 45.0)
            seen |= {t: one for t, one in slants.items() if one.score >= _STRAIGHT}
        turn_deg = max(seen, key=lambda turn: seen[turn].score)
        # As it was taken: small faces are too coarse to tell their roll.
        taken = self._look(image, face, turn_deg)
        looks = [self._confirmed(image, look), _joined(taken, seen[turn_deg])]
        if turn_deg != face.turn_deg:
            turned = self._settled(image, replace(face, turn_deg=turn_deg))
            looks.append(self._confirmed(image, turned))
        return max(looks, key=lambda one: one.evidence)

    def _around(
        self, image: Image, face: Detection, first_deg: float
    ) -> dict[float, Detection]:
        """What RetinaFace sees of a face turned back by so much and quarters more."""
        crop, seen = warp(image, _close_crop(face, first_deg), _CROP_PX), {}
        for quarter in range(4):
            turn_deg = first_deg + 90.0 * quarter
            turned = np.ascontiguousarray(np.rot90(crop, quarter))
            seen[turn_deg] = self._other(turned, face, turn_deg)
        return seen

    def _confirmed(self, image: Image, look: _Look) -> _Look:
        """With what RetinaFace says of it."""
        crop = warp(image, _close_crop(look.face, look.roll_deg), _CROP_PX)
        return _joined(look, self._other(crop, look.face, look.roll_deg))

    def _other(self, crop: Image, face: Detection, roll_deg: float) -> Detection:
        """As `look`, by RetinaFace, at the crop that was made for it."""
        matrix = _close_crop(face, roll_deg)
        seen = _in_middle(_detections(self._second.find(crop, 1 - _SUREST)))
        return seen.moved(inverse(matrix)) if seen else replace(face, score=0.0)

    def _settled(self, image: Image, face: Detection) -> _Look:
        """Looks again until the face is upright in the crop."""
        roll_deg = face.turn_deg
        for _ in range(_LOOKS):
            left_deg = self._roll.roll_deg(roll_crop(image, face, roll_deg))
            roll_deg += left_deg
            look = self._look(image, face, roll_deg)
            face = look.seen
            if face.score == 0 or abs(left_deg) < _LEVEL_DEG:
                break
        return look

    def _seen(self, image: Image, face: Detection) -> _Look:
        """The face as it is seen upright; on its head where both networks see more."""
        look = self._settled(image, face)
        if not _DOUBTED[0] <= look.seen.score < _DOUBTED[1]:
            return look
        over = self._look(image, look.face, look.roll_deg + 180.0)
        if over.seen.score <= look.seen.score:
            return look
        one, other = (self._confirmed(image, each).other for each in (look, over))
        if other * (1 - one) <= _ODDS * one * (1 - other):
            return look
        level = self._settled(image, replace(look.face, turn_deg=over.roll_deg))
        return max(over, level, key=lambda one: one.seen.score)

    def _look(self, image: Image, face: Detection, roll_deg: float) -> _Look:
        return _Look(face, roll_deg, self.look(image, face, roll_deg))

    def _level(self, level: Image, back: Matrix) -> list[Detection]:
        """Candidates of one level of the pyramid, in px that `back` leads to."""
        found = []
        for top, tall in tiles(level.shape[0]):
            for left, wide in tiles(level.shape[1]):
                tile = level[top : top + tall, left : left + wide]
                to = after(back, np.array([[1, 0, left], [0, 1, top]]))
                rows = self._first.find(tile, _CANDIDATE)
                found += [face.moved(to) for face in _detections(rows)]
        return found


def _joined(look: _Look, other: Detection) -> _Look:
    """What both networks see of a face; unsure points are the mean of both."""
    if other.score == 0 or look.seen.score >= _SURE:
        return replace(look, other=other.score)
    points = np.asarray((look.seen.points + other.points) / 2, np.float32)
    return replace(look, seen=replace(look.seen, points=points), other=other.score)


def joint_score(one: float, other: float) -> float:
    """The mean of two probabilities as log odds, each no surer than `_SUREST`."""
    sure = np.clip([one, other], 1 - _SUREST, _SUREST)
    return float(1 / (1 + np.exp(-np.log(sure / (1 - sure)).mean())))


def roll_crop(image: Image, face: Detection, roll_deg: float = 0.0) -> Image:
    """What the roll of a face that is turned back by some is estimated from."""
    return warp(image, _upright_crop(face, roll_deg, ROLL_PX, ROLL_BOXES), ROLL_PX)


def _close_crop(face: Detection, roll_deg: float) -> Matrix:
    return _upright_crop(face, roll_deg, _CROP_PX, _CROP_PX / _CLOSE_PX)


def _least_score(look: _Look) -> float:
    """Score from which on what was seen is a face; inf where it is too small."""
    if look.seen.side_px < (_LEAST_TURNED_PX if look.turned else _LEAST_FACE_PX):
        return np.inf
    return _TURNED_FACE if look.turned else _FACE


def _upright_crop(face: Detection, roll_deg: float, px: int, boxes: float) -> Matrix:
    """(2, 3) matrix from the photograph to a square crop of some face boxes."""
    scale = px / (boxes * face.side_px)
    cosine, sine = np.cos(np.deg2rad(roll_deg)), np.sin(np.deg2rad(roll_deg))
    turn = scale * np.array([[cosine, sine], [-sine, cosine]])
    return np.hstack([turn, ((px - 1) / 2 - turn @ face.middle)[:, None]])


def strongest(faces: list[Detection]) -> list[Detection]:
    """One detection a face: those that no surer one overlaps, the surest first."""
    return distinct(sorted(faces, key=lambda face: -face.score))


def distinct(faces: list[Detection]) -> list[Detection]:
    """One detection a face: those that none before overlaps."""
    kept: list[Detection] = []
    for face in faces:
        if not any(same_face(face, other) for other in kept):
            kept.append(face)
    return kept


def _apart(faces: list[Detection], others: list[Detection]) -> list[Detection]:
    """Faces that none of the others overlaps."""
    return [face for face in faces if not _most(face, others)]


def _most(face: Detection, others: list[Detection]) -> float:
    """Score of the surest of the others that overlap a face; 0 where none does."""
    return max((one.score for one in others if same_face(face, one)), default=0.0)


def same_face(one: Detection, other: Detection) -> bool:
    """Whether two detections show the same face."""
    apart_px = float(np.linalg.norm(one.middle - other.middle))
    if apart_px > _BESIDE * max(one.side_px, other.side_px):
        return False
    return one.box.overlap(other.box) >= _SHARED


def _detections(rows: Float32) -> list[Detection]:
    """Of (N, 15) rows: left, top, width, height, five points, score."""
    return [
        Detection(
            row[4:14].reshape(5, 2),
            np.asarray(row[:2] + row[2:4] / 2, np.float32),
            float(max(row[2:4])),
            float(row[14]),
        )
        for row in rows
    ]


def _in_middle(faces: list[Detection]) -> Detection | None:
    """The surest face in the middle of a crop of the closer look."""
    near = [
        face
        for face in faces
        if np.abs(face.middle - _CROP_PX / 2).max() < _NEAR * _CLOSE_PX
    ]
    return max(near, key=lambda face: face.score) if near else None
