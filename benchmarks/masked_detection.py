"""How often masked faces are found, and how well their landmarks sit.

Masks are painted on faces that dlib's stock detector finds bare, so the true place
and landmarks are known. Peers: dlib's stock detector and stock landmarks.

    python -m benchmarks.masked_detection --photos data/lfw \
        --names data/peopleDevTest.txt
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from masking.face_detection import HogDetector
from masking.face_finding import FaceFinder, bare_finder, default_finder, plain_finder
from masking.image_files import list_images, read_rgb
from masking.landmarks import JAW, LEFT_EYE, RIGHT_EYE, Image, Landmarks
from masking.mask_rendering import render
from masking.mask_spec import SpecConfig, draw_specs, sample_rng
from masking.people_lists import read_names

CROP_SIDE_PX = 160


@dataclass(frozen=True)
class DetectionFigures:
    """Figures of one finder; errors are shares of the distance between the eyes.

    Attributes:
        found_bare, found_masked, found_crops: share of faces found; higher is
            better. Crops are tight cut-outs of the masked face, 160 px.
        eye_mean, eye_p95: error of the eye points on masked faces; lower is better.
        jaw_mean: error of the jaw points on masked faces.
    """

    name: str
    faces: int
    found_bare: float
    found_masked: float
    found_crops: float
    eye_mean: float
    eye_p95: float
    jaw_mean: float


def measure(
    finders: dict[str, FaceFinder], photos: list[Path]
) -> list[DetectionFigures]:
    """Figures of each finder on the same painted photographs."""
    truth = plain_finder()
    found: dict[str, list[tuple[bool, bool, bool]]] = {name: [] for name in finders}
    errors: dict[str, list[tuple[float, float]]] = {name: [] for name in finders}
    for photo in photos:
        image = read_rgb(photo)
        faces = truth.find(image)
        if not faces:
            continue
        marks = faces[0].landmarks
        specs = draw_specs(sample_rng(0, photo.name), SpecConfig())
        masked = render(image, marks, specs).pixels
        crop, in_crop = _tight_crop(masked, marks)
        for name, finder in finders.items():
            hit = _hit(finder, masked, marks)
            found[name].append(
                (
                    _hit(finder, image, marks) is not None,
                    hit is not None,
                    _hit(finder, crop, in_crop) is not None,
                )
            )
            if hit is not None:
                errors[name].append(_errors(hit, marks))
    return [_figures(name, found[name], errors[name]) for name in finders]


def _figures(
    name: str, found: list[tuple[bool, bool, bool]], errors: list[tuple[float, float]]
) -> DetectionFigures:
    bare, masked, crops = np.mean(found, axis=0)
    eyes, jaws = np.array(errors).T
    return DetectionFigures(
        name,
        len(found),
        float(bare),
        float(masked),
        float(crops),
        float(eyes.mean()),
        float(np.percentile(eyes, 95)),
        float(jaws.mean()),
    )


def _hit(finder: FaceFinder, image: Image, truth: Landmarks) -> Landmarks | None:
    """Landmarks of the found face whose middle is the true one's; None = missed."""
    middle = truth.points.mean(axis=0)
    for face in finder.find(image):
        away = np.linalg.norm(face.landmarks.points.mean(axis=0) - middle)
        if away < truth.interocular_px:
            return face.landmarks
    return None


def _errors(found: Landmarks, truth: Landmarks) -> tuple[float, float]:
    away = np.linalg.norm(found.points - truth.points, axis=1) / truth.interocular_px
    return float(away[RIGHT_EYE.start : LEFT_EYE.stop].mean()), float(away[JAW].mean())


def _tight_crop(image: Image, marks: Landmarks) -> tuple[Image, Landmarks]:
    """The face from brow to chin with next to no margin, as a square picture."""
    eye = marks.interocular_px
    low = np.maximum(marks.points.min(axis=0) - [0.1 * eye, 0.45 * eye], 0).astype(int)
    high = (marks.points.max(axis=0) + 0.15 * eye).astype(int)
    piece = image[low[1] : high[1], low[0] : high[0]]
    scale = CROP_SIDE_PX / np.array([piece.shape[1], piece.shape[0]])
    side = (CROP_SIDE_PX, CROP_SIDE_PX)
    crop = np.asarray(cv2.resize(piece, side), dtype=np.uint8)
    return crop, Landmarks(((marks.points - low) * scale).astype(np.float32))


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=400, show_default=True, help="Photographs to use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(photos: Path, names: Path, count: int, as_json: bool) -> None:
    """Compare finders on COUNT photos, evenly from the people of NAMES."""
    people = sorted(read_names(names))
    paths = [path for name in people for path in list_images(photos / name)]
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    bare = bare_finder()
    finders = {
        "stock HOG, stock landmarks": plain_finder(),
        "stock HOG x2, stock landmarks": FaceFinder(
            HogDetector("stock", 0.0, 2.0, 0.0), bare.predictor
        ),
        "our cascade, stock landmarks": bare,
        "our cascade, our landmarks": default_finder(),
    }
    rows = measure(finders, [paths[index] for index in chosen])
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    click.echo(f"{f'{rows[0].faces} faces':<32} found:              error:")
    click.echo(f"{'':<32} bare   masked crops  eyes  p95   jaw")
    for row in rows:
        click.echo(
            f"{row.name:<32} {row.found_bare:.3f}  {row.found_masked:.3f}  "
            f"{row.found_crops:.3f}  {row.eye_mean:.3f} {row.eye_p95:.3f} "
            f"{row.jaw_mean:.3f}"
        )


if __name__ == "__main__":
    main()
