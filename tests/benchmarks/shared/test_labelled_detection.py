"""The benchmark counts what a finder finds among labelled photographs."""

import numpy as np

from benchmarks.shared.labelled_detection import measure_labelled
from benchmarks.shared.timed_detection import TimedDetector
from masking.datasets.images import write_image
from masking.faces.detectors import FaceBox

BRIGHT, DARK = 200, 20


class BrightDetector:
    """Sees a face in every bright picture."""

    def detect(self, image):
        if image.mean() < 100:
            return []
        return [FaceBox(0, 0, 9, 9, 1.0, "bright")]


class Finder:
    detector = BrightDetector()


def test_found_and_missed_are_counted_by_mask(tmp_path):
    rows = (
        ("a", BRIGHT, "no-mask"),
        ("b", DARK, "no-mask"),
        ("c", BRIGHT, "cloth"),
        ("d", BRIGHT, "surgical"),
        ("e", DARK, "cloth"),
    )
    lines = ["person,file,mask"]
    for name, level, mask in rows:
        write_image(tmp_path / f"{name}.png", np.full((20, 20, 3), level, np.uint8))
        lines.append(f"{name},{name}.png,{mask}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    first, second = measure_labelled({"one": Finder, "two": Finder}, tmp_path)
    assert (first.unmasked, first.found_unmasked) == (2, 1)
    assert (first.masked, first.found_masked) == (3, 2)
    assert first.missed == {"no-mask": 1, "cloth": 1}
    assert first.stages == {"bright": 3}
    assert first.times_stock == 1
    assert second.found_masked == 2
    assert "masked 2/3, unmasked 1/2" in first.line()


def test_the_stopwatch_answers_what_the_detector_does():
    timed = TimedDetector(BrightDetector())
    bright = np.full((9, 9, 3), BRIGHT, np.uint8)
    assert timed.detect(bright) == BrightDetector().detect(bright)
    assert timed.taken_s() > 0
    assert timed.taken_s() == 0
