"""Joins the faces of a video's frames to tracks: one person, for as long as seen.

A track keeps a sum and its best face, so a video of any length fits in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from masking.landmarks import FaceBox, Float32, Image
from training.embedders.embedded_face import EmbeddedFace
from training.metrics.score_normalization import Cohort, squared_distances

# A face that is not seen for longer ends its track.
_GAP_S = 1.0
# Intersection over union of a face and its track's last box.
_LEAST_OVERLAP = 0.3


@dataclass(frozen=True, eq=False)
class VideoFace:
    """One face in one frame.

    Attributes:
        time_s: of the frame, from the video's start.
        face: with its embedding.
        frame: (H, W, 3) uint8 RGB, shared by the faces of a frame.
    """

    time_s: float
    face: EmbeddedFace
    frame: Image

    @property
    def box(self) -> FaceBox:
        """Px of the frame."""
        return self.face.face.box

    @property
    def embedding(self) -> Float32:
        """(D,) float32."""
        return self.face.embedding


@dataclass(frozen=True, eq=False)
class Track:
    """What is known of a face over time.

    Attributes:
        number: from 1, in the order in which faces appeared.
        first_s, last_s: when it was first and last seen.
        count: faces.
        total: (D,) float64 sum of their embeddings.
        last_box: where it was seen last.
        best: the face with the largest box.
    """

    number: int
    first_s: float
    last_s: float
    count: int
    total: np.typing.NDArray[np.float64]
    last_box: FaceBox
    best: VideoFace

    @property
    def embedding(self) -> Float32:
        """(D,) float32 mean of all its embeddings."""
        return np.asarray(self.total / self.count, dtype=np.float32)

    def joined(self, face: VideoFace) -> Track:
        """The track with one more face."""
        larger = face.box.area_px > self.best.box.area_px
        return Track(
            self.number,
            self.first_s,
            face.time_s,
            self.count + 1,
            self.total + face.embedding,
            face.box,
            face if larger else self.best,
        )


class TrackJoiner:
    """Takes frame after frame, gives tracks as they end."""

    def __init__(self, same_person: float, cohort: Cohort | None = None):
        """
        Args:
            same_person: a face at this squared distance from the track's mean, or
                farther, is somebody else: a cut puts another face in the same place.
            cohort: of the embedder.
        """
        self._same, self._cohort = same_person, cohort
        self._open: dict[int, Track] = {}
        self._started = 0

    def add(self, time_s: float, faces: Sequence[VideoFace]) -> list[Track]:
        """Join the faces of one frame; gives the tracks that have ended before it."""
        ended = [
            track for track in self._open.values() if time_s - track.last_s > _GAP_S
        ]
        for track in ended:
            del self._open[track.number]
        free = dict(enumerate(faces))
        waiting = set(self._open)
        for _, number, place in self._pairs(faces):
            # The best pair first; each face and each track is used once.
            if number in waiting and place in free:
                waiting.remove(number)
                self._open[number] = self._open[number].joined(free.pop(place))
        for face in free.values():
            self._started += 1
            self._open[self._started] = _new_track(self._started, face)
        return ended

    def close(self) -> list[Track]:
        """The tracks that last to the video's end."""
        ended = list(self._open.values())
        self._open.clear()
        return ended

    def _pairs(self, faces: Sequence[VideoFace]) -> list[tuple[float, int, int]]:
        """(shared, track, face) of all that may be one person, the best first."""
        pairs = []
        for number, track in self._open.items():
            for place, face in enumerate(faces):
                shared = intersection_over_union(track.last_box, face.box)
                pair = track.embedding[None], face.embedding[None]
                away = float(squared_distances(*pair, self._cohort)[0, 0])
                if shared >= _LEAST_OVERLAP and away < self._same:
                    pairs.append((shared, number, place))
        return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))


def intersection_over_union(one: FaceBox, other: FaceBox) -> float:
    """Shared area of two boxes as a fraction of the area of both, 0 to 1."""
    shared = one.shared_px(other)
    both = one.area_px + other.area_px - shared
    return shared / both if both else 0.0


def _new_track(number: int, face: VideoFace) -> Track:
    return Track(
        number,
        face.time_s,
        face.time_s,
        1,
        face.embedding.astype(np.float64),
        face.box,
        face,
    )
