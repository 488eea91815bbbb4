"""A face detector with a stopwatch."""

from __future__ import annotations

import time

from masking.faces.detectors import FaceBox, FaceDetector
from masking.landmarks import Image


class TimedDetector:
    """Counts the CPU seconds that another detector takes.

    CPU time, not wall time: the machine may be shared.
    """

    def __init__(self, detector: FaceDetector):
        self._detector = detector
        self._taken_s = 0.0

    def detect(self, image: Image) -> list[FaceBox]:
        """What the other one finds."""
        start = time.process_time()
        boxes = self._detector.detect(image)
        self._taken_s += time.process_time() - start
        return boxes

    def taken_s(self) -> float:
        """CPU seconds since this was last asked."""
        taken, self._taken_s = self._taken_s, 0.0
        return taken
