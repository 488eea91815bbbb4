"""How many faces are masked when photographs are cropped, turned or tiny.

The true landmarks are those of the photograph as given, moved with the change. A
face counts as masked when `augment` finds it, and as in place when the eyes of the
landmarks that the mask is rendered on lie where they should.

    python -m benchmarks.masks.masking_robustness --photos data/lfw \
        --names data/peopleDevTest.txt
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.stock_finder import StockFinder
from masking.augment.config import AugmentConfig
from masking.augment.manifest import read_manifest
from masking.augment.people_lists import people_found, read_names
from masking.augment.stage import augment
from masking.datasets.images import list_images, read_rgb, write_image
from masking.faces.finder import Finder
from masking.landmarks import Image, Landmarks

Matrix = NDArray[np.float64]
# Eyes off by less than this fraction of the distance between them are in place.
IN_PLACE = 0.15
SMALL_PX = 64


@dataclass(frozen=True)
class RobustnessFigures:
    """Figures of one way to change the photographs; higher is better but the error.

    Attributes:
        photos: how many there were.
        masked: on how many a mask was rendered.
        in_place: on how many of them the face lies where it should.
        told: how many of the others have a reason in the manifest.
        eye_error: mean error of the eyes where masked, as a fraction of the distance
            between them.
        detectors: how often each stage found the face.
    """

    name: str
    goal: int
    photos: int
    masked: int
    in_place: int
    told: int
    eye_error: float
    detectors: dict[str, int]


def turned(image: Image, _: Landmarks, degrees: float) -> tuple[Image, Matrix]:
    """The whole picture turned, on black."""
    height, width = image.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, degrees, 1.0), np.float64)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    moved = corners @ matrix[:, :2].T
    size = np.rint(moved.max(axis=0) - moved.min(axis=0)).astype(int)
    matrix[:, 2] += (size - [width, height]) / 2
    return _warped(image, matrix, (int(size[0]), int(size[1])))


def cropped(image: Image, landmarks: Landmarks) -> tuple[Image, Matrix]:
    """From the brows to the chin, with next to no margin."""
    low = np.maximum(np.floor(landmarks.points.min(axis=0)) - 2, 0)
    high = np.ceil(landmarks.points.max(axis=0)) + 2
    high = np.minimum(high, [image.shape[1] - 1, image.shape[0] - 1])
    width, height = (int(value) for value in high - low + 1)
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]]], dtype=np.float64)
    return _warped(image, matrix, (width, height))


def shrunk(image: Image, _: Landmarks) -> tuple[Image, Matrix]:
    """Shrunk to a longer side of SMALL_PX."""
    scale = SMALL_PX / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    shift = 0.5 * scale - 0.5
    matrix = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
    return np.asarray(small, dtype=np.uint8), matrix


def _warped(
    image: Image, matrix: Matrix, size: tuple[int, int]
) -> tuple[Image, Matrix]:
    seen = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(seen, dtype=np.uint8), matrix


def _as_given(image: Image, _: Landmarks) -> tuple[Image, Matrix]:
    return image, np.eye(2, 3)


Change = Callable[[Image, Landmarks], tuple[Image, Matrix]]
# How the photographs are changed, and how many of 99 are to be masked.
CHANGES: dict[str, tuple[Change, int]] = {
    "as given": (_as_given, 99),
    "tight crop": (cropped, 97),
    "turned by 45 degrees": (lambda i, marks: turned(i, marks, 45), 99),
    "turned by -45 degrees": (lambda i, marks: turned(i, marks, -45), 99),
    "turned by 90 degrees": (lambda i, marks: turned(i, marks, 90), 99),
    "turned by -90 degrees": (lambda i, marks: turned(i, marks, -90), 99),
    "shrunk to 64 px": (shrunk, 97),
}


def measure(
    photos: list[Path], finder: Finder, crop_is_face: bool
) -> list[RobustnessFigures]:
    """Figures of each change, on the photographs in which `finder` sees a face."""
    known = []
    for path in photos:
        image = read_rgb(path)
        faces = finder.find(image)
        if faces:
            known.append((image, faces[0].landmarks))
    return [
        _figures(name, change, goal, known, crop_is_face)
        for name, (change, goal) in CHANGES.items()
    ]


def _figures(
    name: str,
    change: Change,
    goal: int,
    known: list[tuple[Image, Landmarks]],
    crop_is_face: bool,
) -> RobustnessFigures:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "photos", Path(folder) / "out"
        truth = {}
        for number, (image, marks) in enumerate(known):
            pixels, matrix = change(image, marks)
            write_image(source / "all" / f"{number:04}.png", pixels)
            truth[f"all/{number:04}.png"] = marks.moved(matrix)
        config = AugmentConfig(variants=1, crop_is_face=crop_is_face, workers=1)
        report = augment(source, out, config)
        rows = read_manifest(out).rows
    masked = [row for row in rows if row.masked]
    errors = [
        _eye_error(np.array(row.landmarks), truth[row.photo_id]) for row in masked
    ]
    return RobustnessFigures(
        name,
        goal,
        len(known),
        len(masked),
        sum(error < IN_PLACE for error in errors),
        sum(bool(row.failure) for row in rows if not row.masked),
        float(np.mean(errors)) if errors else float("nan"),
        report.detectors,
    )


def _eye_error(found: NDArray[np.floating], truth: Landmarks) -> float:
    right, left = truth.eye_centres()
    off = [
        np.linalg.norm(found[36:42].mean(axis=0) - right),
        np.linalg.norm(found[42:48].mean(axis=0) - left),
    ]
    return float(np.mean(off)) / truth.interocular_px


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=99, show_default=True, help="Photographs to use.")
@click.option("--crop-is-face", is_flag=True, help="As the option of augment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    photos: Path, names: Path, count: int, crop_is_face: bool, as_json: bool
) -> None:
    """Mask COUNT photos, one of each of COUNT people of NAMES, changed in each way."""
    folders = [path.name for path in photos.iterdir() if path.is_dir()]
    people = sorted(people_found(read_names(names), folders, "--names", photos))
    chosen = np.linspace(0, len(people) - 1, min(count, len(people))).astype(int)
    paths = [list_images(photos / people[index])[0] for index in chosen]
    rows = measure(paths, StockFinder(), crop_is_face)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    click.echo(f"{'':<22} photos masked (goal) in place  told  eye error")
    for row in rows:
        found = ", ".join(f"{name} {count}" for name, count in row.detectors.items())
        click.echo(
            f"{row.name:<22} {row.photos:6} {row.masked:6} ({row.goal:4}) "
            f"{row.in_place:8} {row.told:5}  {row.eye_error:9.3f}  {found}"
        )


if __name__ == "__main__":
    main()
