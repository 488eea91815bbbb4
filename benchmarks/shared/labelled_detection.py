"""Faces found in a folder whose labels.csv says who wears which mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.timed_detection import TimedDetector
from index.datasets.labelled_photos import read_labelled_photos
from masking.datasets.images import read_rgb
from masking.faces.finder import FaceFinder


@dataclass(frozen=True)
class LabelledFigures:
    """What one finder found; where the faces are is not known, only that they are.

    Attributes:
        missed: photographs without a found face, by kind of mask.
        stages: detector stages that found a face, and in how many photographs.
        ms: CPU milliseconds of detection in a photograph.
        times_stock: the same as a multiple of the stock detector's.
    """

    name: str
    unmasked: int
    found_unmasked: int
    masked: int
    found_masked: int
    missed: dict[str, int]
    stages: dict[str, int]
    ms: float
    times_stock: float

    def line(self) -> str:
        """One line for people."""
        missed = ", ".join(f"{kind} {count}" for kind, count in self.missed.items())
        stages = ", ".join(f"{name} {count}" for name, count in self.stages.items())
        return (
            f"{self.name:<30} labelled: masked {self.found_masked}/{self.masked}, "
            f"unmasked {self.found_unmasked}/{self.unmasked}; {self.ms:.0f} ms, "
            f"x stock {self.times_stock:.1f}; missed: {missed or 'none'}; by {stages}"
        )


def measure_labelled(
    makers: dict[str, Callable[[], FaceFinder]], folder: Path
) -> list[LabelledFigures]:
    """Figures of each finder on all photographs; the first is the stock one."""
    photos = read_labelled_photos(folder)
    images = [read_rgb(photo.path) for photo in photos]
    rows: list[LabelledFigures] = []
    for name, make in makers.items():
        detector = TimedDetector(make().detector)
        boxes = [detector.detect(image) for image in images]
        taken_s = detector.taken_s()
        ms = 1000 * taken_s / len(photos)
        pairs = list(zip(photos, boxes, strict=True))
        found = [photo.masked for photo, where in pairs if where]
        rows.append(
            LabelledFigures(
                name,
                unmasked=sum(not photo.masked for photo in photos),
                found_unmasked=found.count(False),
                masked=sum(photo.masked for photo in photos),
                found_masked=found.count(True),
                missed=dict(Counter(p.mask for p, where in pairs if not where)),
                stages=dict(Counter(where[0].detector for _, where in pairs if where)),
                ms=ms,
                times_stock=ms / (rows[0].ms if rows else ms),
            )
        )
    return rows
