"""Does the quality of a photo tell whether it is recognised? Errors against rejects.

Unmasked photos of people with several are compared with each other. As the fraction
of the worst photos that are left out grows, a good figure of quality lowers the
fraction of one person's pairs that are missed (FNMR), at the threshold that accepts
a given fraction of impostors (FMR) among all photos.

Source: Grother and Tabassi, "Performance of biometric quality measures", PAMI 2007.

    python -m benchmarks.recognition.template_quality --photos data/lfw \
        --names data/peopleDevTest.txt
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.options import found_faces_option
from index.datasets.embed_views import RememberingFinders
from index.datasets.views import View, ViewPlan, all_views, read_labelled_photos
from index.enrollment.stage import quality
from masking.augment.people_lists import people_found, read_names
from masking.datasets.collections import LabelledPhoto
from masking.faces.finder import default_finder
from masking.landmarks import Float32, Image
from training.checkpoints.store import choose_embedder
from training.embedders.embedded_face import Embedder, network_input
from training.metrics.pairs import Comparisons, compare_within
from training.metrics.score_normalization import EmbeddedFaces
from training.metrics.verification import threshold_at_far

Float64 = NDArray[np.float64]

REJECTED = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
_BATCH = 64
# A copy that recognition should not mind: turned, enlarged and shifted a little.
_TURN_DEG, _SCALE, _SHIFT_PX = 4.0, 1.04, 2.0


def errors_against_rejects(
    genuine: Comparisons, threshold: float, values: Float64
) -> Float64:
    """FNMR of what is left when each of the fractions REJECTED is left out.

    Args:
        genuine: pairs of one person's photos.
        threshold: of distances; nearer pairs are accepted.
        values: by number of the photo, higher is better; NaN where no face was found,
            which is left out first.
    """
    ranked = np.where(np.isfinite(values), values, -np.inf)
    order = np.argsort(ranked, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    missed = ~(genuine.distances <= threshold)
    found = []
    for fraction in REJECTED:
        kept = (place[genuine.photos] >= fraction * len(order)).all(axis=1)
        weights = genuine.weights[kept]
        found.append(weights @ missed[kept] / max(weights.sum(), 1e-12))
    return np.array(found)


def ideal(genuine: Comparisons, threshold: float, count: int) -> Float64:
    """(count,) what knows the answer: photos of many missed pairs are bad."""
    missed = genuine.photos[~(genuine.distances <= threshold)]
    return -np.bincount(missed.ravel(), minlength=count).astype(np.float64)


def area(curve: Float64) -> float:
    """Mean FNMR over the rejected fractions; lower is better."""
    widths = np.diff(REJECTED)
    return float((widths * (curve[1:] + curve[:-1]) / 2).sum() / widths.sum())


def curves(
    genuine: Comparisons, threshold: float, figures: Mapping[str, Float64]
) -> dict[str, Float64]:
    """FNMR at each of REJECTED by figure, beside the ideal one and that of chance."""
    count = len(next(iter(figures.values())))
    rows = {
        name: errors_against_rejects(genuine, threshold, values)
        for name, values in figures.items()
    }
    best = ideal(genuine, threshold, count)
    rows["ideal"] = errors_against_rejects(genuine, threshold, best)
    # On average, whatever is left out: what there was before.
    rows["random"] = np.full(len(REJECTED), next(iter(rows.values()))[0])
    return rows


def table(rows: Mapping[str, Float64]) -> str:
    """The curves as text."""
    lines = [f"{'FNMR, rejected':<16}" + "".join(f"{x:>7.0%}" for x in REJECTED)]
    lines[0] += f"{'area':>8}"
    for name, row in rows.items():
        cells = "".join(f"{value:>7.3f}" for value in row)
        lines.append(f"{name:<16}{cells}{area(row):>8.4f}")
    return "\n".join(lines)


def measured(
    photos: Sequence[LabelledPhoto], embedder: Embedder, found_faces: Path
) -> tuple[EmbeddedFaces, dict[str, Float64]]:
    """The faces, and each figure by number of the photo."""
    finders = RememberingFinders(default_finder, found_faces)
    views = all_views(photos, ViewPlan((embedder.geometry,)), 0, finders)
    rows = np.full((len(photos), embedder.dimension), np.nan, dtype=np.float32)
    names = ("finder's score", "agreement", "face size", "sharpness", "norm")
    figures = {name: np.full(len(photos), np.nan) for name in names}
    while batch := list(islice(views, _BATCH)):
        there = [view for view in batch if view.face.crops]
        if there:
            numbers = [view.photo for view in there]
            rows[numbers], values = _figures(there, embedder)
            for name, column in zip(names, values, strict=True):
                figures[name][numbers] = column
    people = np.unique([photo.person for photo in photos], return_inverse=True)[1]
    order = np.arange(len(photos), dtype=np.int32)
    faces = EmbeddedFaces(rows, people.astype(np.int32), order, embedder.cohort)
    return faces, figures


def _figures(
    views: Sequence[View], embedder: Embedder
) -> tuple[Float32, tuple[Float64, ...]]:
    chips = network_input([view.face.crop for view in views])
    rows, changed = embedder.embed(chips), embedder.embed(_changed(chips))
    boxes = [view.face.box for view in views]
    sides = [min(box.right - box.left, box.bottom - box.top) for box in boxes]
    grey = [cv2.cvtColor(view.face.crop, cv2.COLOR_RGB2GRAY) for view in views]
    return rows, (
        np.array([quality(view.face) for view in views]),
        -np.linalg.norm(rows - changed, axis=1).astype(np.float64),
        np.array(sides, dtype=np.float64),
        np.array([cv2.Laplacian(image, cv2.CV_64F).var() for image in grey]),
        np.linalg.norm(rows, axis=1).astype(np.float64),
    )


def _changed(chips: Image) -> Image:
    side = chips.shape[-1]
    middle = (side / 2, side / 2)
    shift = np.array([[0, 0, _SHIFT_PX], [0, 0, _SHIFT_PX]])
    matrix = cv2.getRotationMatrix2D(middle, _TURN_DEG, _SCALE) + shift
    border = cv2.BORDER_REPLICATE
    turned = [
        cv2.warpAffine(
            np.ascontiguousarray(chip.transpose(1, 2, 0)),
            matrix,
            (side, side),
            borderMode=border,
        ).transpose(2, 0, 1)
        for chip in chips
    ]
    return np.ascontiguousarray(np.stack(turned))


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), help="Of people to take.")
@click.option("--fmr", default=0.001, show_default=True)
@found_faces_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    photos: Path, names: Path | None, fmr: float, found_faces: Path, as_json: bool
) -> None:
    """Errors of the shipped embedder as the worst photos are left out."""
    everybody = [one for one in read_labelled_photos(photos) if not one.masked]
    if names:
        present = {photo.person for photo in everybody}
        listed = people_found(read_names(names), present, "--names", photos)
        everybody = [photo for photo in everybody if photo.person in listed]
    counts = Counter(photo.person for photo in everybody)
    several = [photo for photo in everybody if counts[photo.person] > 1]
    embedder = choose_embedder("shipped", Path(), "cpu")
    faces, figures = measured(several, embedder, found_faces)
    pairs = compare_within(faces)
    threshold = threshold_at_far(pairs.impostor, fmr)
    rows = curves(pairs.genuine, threshold, figures)
    if as_json:
        lists = {name: row.tolist() for name, row in rows.items()}
        click.echo(json.dumps({"rejected": REJECTED, "fnmr": lists}))
        return
    click.echo(f"{len(several):,} photos of {len(set(faces.people.tolist())):,} people")
    click.echo(table(rows))


if __name__ == "__main__":
    main()
