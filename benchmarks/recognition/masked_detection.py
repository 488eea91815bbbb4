"""How often masked faces are found, how well their landmarks sit, at what cost.

Masks are rendered on faces that dlib's stock detector finds unmasked, so the true place
and landmarks are known. Peers: dlib's stock detector and stock landmarks. With
--labelled, really masked faces of a folder with a labels.csv are looked for too.

    python -m benchmarks.recognition.masked_detection --photos data/lfw \
        --names data/peopleDevTest.txt --labelled data/mfr2-a
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.shared.labelled_detection import LabelledFigures, measure_labelled
from benchmarks.shared.timed_detection import TimedDetector
from masking.augment.people_lists import read_names
from masking.datasets.images import list_images, read_rgb
from masking.faces.detectors import BORDER, CnnDetector, FaceDetector, HogDetector
from masking.faces.finder import (
    FaceFinder,
    default_finder,
    plain_finder,
    unmasked_finder,
)
from masking.faces.model_files import STOCK
from masking.landmarks import Image, Landmarks
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from tools.detector_training.masked_examples import (
    background,
    bystanders,
    point_errors,
    tight_crop,
)


@dataclass(frozen=True)
class DetectionFigures:
    """Figures of one finder; errors are fractions of the distance between the eyes.

    Attributes:
        found_unmasked, found_masked, found_crops: fraction of faces found; higher is
            better. Crops are tight cut-outs of the masked face, 160 px.
        false_per_100: faces found in 100 backgrounds, which are photographs
            whose head was replaced by what is beside it; lower is better.
        times_stock: CPU time of detection in unmasked and masked photographs, as a
            multiple of the stock detector's on the same; lower is better.
        times_stock_empty: the same in backgrounds, where nothing is to be found.
        eye_mean, eye_p95: error of the eye points on masked faces; lower is better.
        jaw_mean: error of the jaw points on masked faces.
    """

    name: str
    faces: int
    found_unmasked: float
    found_masked: float
    found_crops: float
    backgrounds: int
    false_per_100: float
    times_stock: float
    times_stock_empty: float
    eye_mean: float
    eye_p95: float
    jaw_mean: float


@dataclass(frozen=True, eq=False)
class Case:
    """One photograph, unmasked, masked, cropped and without its face."""

    unmasked: Image
    masked: Image
    landmarks: Landmarks
    crop: Image
    crop_landmarks: Landmarks
    empty: Image | None


class Others:
    """Looks for bystanders in whole photographs, as thoroughly as is possible.

    Their faces, and the copies of them that fill the head's place, would be no false
    ones. dlib's network is also the last of our cascade's stages, but looks there at
    other pictures: without a border, reduced, and without the head.
    """

    def __init__(self) -> None:
        self._hog = bystanders()
        self._network = CnnDetector("bystanders", 1.0)

    def none(self, image: Image) -> bool:
        """Whether there is one face only, also none that the edge cuts off."""
        if len(self._hog.detect(image)) != 1:
            return False
        px = round(BORDER * max(image.shape[:2]))
        wide = cv2.copyMakeBorder(image, px, px, px, px, cv2.BORDER_CONSTANT)
        return len(self._network.detect(np.asarray(wide, dtype=np.uint8))) <= 1


class MakeCases:
    """Photographs to cases, the same ones every time."""

    def __init__(self) -> None:
        self._truth = plain_finder()
        # A second face in the photograph would be no false one.
        self._others = Others()

    def make(self, photo: Path) -> Case | None:
        """None where the stock detector finds no unmasked face to begin with."""
        image = read_rgb(photo)
        faces = self._truth.find(image)
        if not faces:
            return None
        marks = faces[0].landmarks
        specs = draw_specs(sample_rng(0, photo.name), SpecConfig())
        masked = render(image, marks, specs).pixels
        empty = background(image, marks) if self._others.none(image) else None
        return Case(image, masked, marks, *tight_crop(masked, marks), empty)


class Tally:
    """What one finder did with the cases."""

    def __init__(self, make: Callable[[], FaceFinder]):
        finder = make()
        self._timed = TimedDetector(finder.detector)
        self._finder = FaceFinder(self._timed, finder.predictor)
        self.found: list[tuple[bool, bool, bool]] = []
        self.errors: list[tuple[float, float]] = []
        self.false_faces: list[int] = []
        self.busy_s = self.empty_s = 0.0

    def add(self, case: Case) -> None:
        """Look at all pictures of a case."""
        unmasked = self._hit(case.unmasked, case.landmarks)
        masked = self._hit(case.masked, case.landmarks)
        self.busy_s += self._timed.taken_s()
        crop = self._hit(case.crop, case.crop_landmarks)
        self.found.append((unmasked is not None, masked is not None, crop is not None))
        if masked is not None:
            self.errors.append(point_errors(masked, case.landmarks))
        if case.empty is not None:
            self._timed.taken_s()
            self.false_faces.append(len(self._timed.detect(case.empty)))
            self.empty_s += self._timed.taken_s()

    def _hit(self, image: Image, truth: Landmarks) -> Landmarks | None:
        """Landmarks of the face whose middle is the true one's; None = missed."""
        middle = truth.points.mean(axis=0)
        for face in self._finder.find(image):
            away = np.linalg.norm(face.landmarks.points.mean(axis=0) - middle)
            if away < truth.interocular_px:
                return face.landmarks
        return None

    def figures(self, name: str, stock: Tally) -> DetectionFigures:
        """Means over the cases; `stock` is the tally that times compare with."""
        unmasked, masked, crops = np.mean(self.found, axis=0)
        eyes, jaws = np.array(self.errors).T
        return DetectionFigures(
            name,
            len(self.found),
            float(unmasked),
            float(masked),
            float(crops),
            len(self.false_faces),
            100 * float(np.mean(self.false_faces)),
            self.busy_s / stock.busy_s,
            self.empty_s / stock.empty_s,
            float(eyes.mean()),
            float(np.percentile(eyes, 95)),
            float(jaws.mean()),
        )


def measure(
    makers: dict[str, Callable[[], FaceFinder]], photos: list[Path]
) -> list[DetectionFigures]:
    """Figures of each finder on the same pictures; the first is the stock one."""
    cases = MakeCases()
    tallies = {name: Tally(make) for name, make in makers.items()}
    for photo in photos:
        case = cases.make(photo)
        if case is not None:
            for tally in tallies.values():
                tally.add(case)
    stock = next(iter(tallies.values()))
    return [tally.figures(name, stock) for name, tally in tallies.items()]


def finders() -> dict[str, Callable[[], FaceFinder]]:
    """The compared finders; the stock one comes first."""

    def doubled() -> FaceFinder:
        detector: FaceDetector = HogDetector("stock", 0.0, 2.0, {STOCK: 0.0})
        return FaceFinder(detector, plain_finder().predictor)

    return {
        "stock HOG, stock landmarks": plain_finder,
        "stock HOG x2, stock landmarks": doubled,
        "our cascade, stock landmarks": unmasked_finder,
        "our cascade, our landmarks": default_finder,
    }


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=400, show_default=True, help="Photographs to use.")
@click.option("--labelled", type=click.Path(path_type=Path), help="With labels.csv.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    photos: Path, names: Path, count: int, labelled: Path | None, as_json: bool
) -> None:
    """Compare finders on COUNT photos, evenly from the people of NAMES."""
    people = sorted(read_names(names))
    paths = [path for name in people for path in list_images(photos / name)]
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    rows = measure(finders(), [paths[index] for index in chosen])
    real = [] if labelled is None else measure_labelled(finders(), labelled)
    if as_json:
        rendered = [asdict(row) for row in rows]
        others = [asdict(row) for row in real]
        click.echo(json.dumps({"rendered": rendered, "labelled": others}))
        return
    _print(rows, real)


def _print(rows: list[DetectionFigures], real: list[LabelledFigures]) -> None:
    head = f"{rows[0].faces} faces, {rows[0].backgrounds} backgrounds"
    click.echo(f"{head:<30} found:              false  x stock time  error:")
    click.echo(f"{'':<30} unmasked  masked crops  /100   photos empty  eyes  p95  jaw")
    for row in rows:
        click.echo(
            f"{row.name:<30} {row.found_unmasked:.3f} {row.found_masked:.3f} "
            f"{row.found_crops:.3f}  {row.false_per_100:5.2f}  {row.times_stock:5.2f} "
            f"{row.times_stock_empty:6.1f}   {row.eye_mean:.3f} {row.eye_p95:.3f} "
            f"{row.jaw_mean:.3f}"
        )
    for other in real:
        click.echo(other.line())


if __name__ == "__main__":
    main()
