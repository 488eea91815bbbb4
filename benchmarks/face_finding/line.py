"""One line of the table, and the clock that all lines share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from masking.faces.finder import Face, Finder
from masking.landmarks import FaceBox, Image, Landmarks


@dataclass(frozen=True)
class Line:
    """What was found of one kind of picture.

    Attributes:
        name: the kind.
        found, of: faces that were found, and all of them.
        goal: fraction that should be found.
        ms, stock_ms: CPU milliseconds a picture, ours with landmarks, and dlib's stock
            detector without any.
        note: further figures.
    """

    name: str
    found: int
    of: int
    goal: float
    ms: float
    stock_ms: float
    note: str = ""

    def text(self) -> str:
        """For people."""
        fraction = self.found / self.of if self.of else 0.0
        mark = " " if fraction >= self.goal else "<"
        return (
            f"{self.name:<34}{self.found:>5} /{self.of:>5}  {fraction:.3f} {mark} "
            f"{self.goal:.3f} {self.ms:>9.1f} {self.stock_ms:>9.1f}   {self.note}"
        )


HEAD = f"{'':<34}{'found':>5}  {'of':>5}  part    goal    {'CPU ms':>6} {'dlib HOG':>9}"


class Clock:
    """Our finder and dlib's stock detector on the same pictures."""

    def __init__(self, finder: Finder):
        import cv2
        import dlib

        # CPU time counts threads that wait for each other.
        cv2.setNumThreads(1)
        self.finder = finder
        self._stock: Any = dlib.get_frontal_face_detector()
        self._ours: list[float] = []
        self._theirs: list[float] = []

    def find(self, image: Image) -> list[Face]:
        """Our faces; both are timed."""
        start = time.process_time()
        faces = self.finder.find(image)
        between = time.process_time()
        self._stock(image, 0)
        self._ours.append(between - start)
        self._theirs.append(time.process_time() - between)
        return faces

    def line(self, name: str, found: int, of: int, goal: float, note: str = "") -> Line:
        """A line with the mean times since the last one."""
        ours, theirs = 1000 * np.mean(self._ours), 1000 * np.mean(self._theirs)
        line = Line(name, found, of, goal, float(ours), float(theirs), note)
        self._ours, self._theirs = [], []
        return line


def same_face(one: FaceBox, other: FaceBox) -> bool:
    """Whether boxes share half of the smaller one and a fifth of the larger one."""
    shared = one.shared_px(other)
    small, large = sorted((one.area_px, other.area_px))
    return shared >= 0.5 * small and shared >= 0.2 * large


def near(faces: list[Face], truth: Landmarks) -> Face | None:
    """The face whose middle is that of the true landmarks; None when missed."""
    middle = truth.points.mean(axis=0)
    for face in faces:
        away = np.linalg.norm(face.landmarks.points.mean(axis=0) - middle)
        if away < truth.interocular_px:
            return face
    return None


def eye_error(found: Landmarks, truth: Landmarks) -> float:
    """Mean distance of the twelve eye points, as a fraction of the eyes' distance."""
    away = np.linalg.norm(found.points[36:48] - truth.points[36:48], axis=1)
    return float(away.mean()) / truth.interocular_px
