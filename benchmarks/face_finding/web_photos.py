"""Photographs of the web with boxes that other detectors saw."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks.face_finding.line import Clock, Line, same_face
from masking.datasets.images import list_images, read_rgb
from masking.landmarks import FaceBox

Boxes = Mapping[str, list[tuple[FaceBox, bool]]]


def read_boxes(path: Path) -> Boxes:
    """Boxes by file; true where every detector of the table saw the face.

    The table has the columns file, left, top, right, bottom, and scores, empty where
    a detector saw nothing.
    """
    boxes = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sides = ("left", "top", "right", "bottom")
            left, top, right, bottom = (float(row.pop(side)) for side in sides)
            name = row.pop("file")
            boxes[name].append(
                (FaceBox(left, top, right, bottom, 0.0, ""), all(row.values()))
            )
    return boxes


def web_lines(clock: Clock, folder: Path, other: Path | None) -> list[Line]:
    """Largest faces of 40 px and more, and all of 24 px and more, ours and another's.

    Args:
        other: boxes of another detector, which are counted in the same way.
    """
    truth = read_boxes(folder / "faces.csv")
    ours = {}
    for path in list_images(folder):
        ours[path.name] = [face.box for face in clock.find(read_rgb(path))]
    lines = _counted(clock, "web photos", truth, ours)
    if other is not None:
        theirs = read_boxes(other)
        found = {name: [box for box, _ in theirs.get(name, [])] for name in ours}
        lines += _counted(clock, other.stem, truth, found)
    return lines


def _counted(
    clock: Clock, name: str, truth: Boxes, found: Mapping[str, list[FaceBox]]
) -> list[Line]:
    largest, all_, unseen = [], [], 0
    for photo, boxes in found.items():
        known = truth.get(photo, [])
        sure = [box for box, both in known if both and _side_px(box) >= 24]
        hits = [any(same_face(box, one) for one in boxes) for box in sure]
        all_ += hits
        pairs = zip(sure, hits, strict=True)
        large = [pair for pair in pairs if _side_px(pair[0]) >= 40]
        largest += [max(large, key=lambda pair: pair[0].area_px)[1]] if large else []
        unseen += sum(not any(same_face(one, box) for box, _ in known) for one in boxes)
    note = f"{100 * unseen / len(found):.1f} others in 100 photos"
    first = clock.line(
        f"{name}, largest >= 40 px", sum(largest), len(largest), 0.98, note
    )
    second = Line(
        f"{name}, all >= 24 px", sum(all_), len(all_), 0.9, first.ms, first.stock_ms
    )
    return [first, second]


def _side_px(box: FaceBox) -> float:
    return max(box.right - box.left, box.bottom - box.top)
