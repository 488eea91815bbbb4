"""How many faces are found, how exactly, and at what cost.

    python -m benchmarks.face_finding --data ../shared/data

Every line stands beside the CPU time of dlib's stock detector on the same pictures.
Masks are rendered on faces whose landmarks are known.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from benchmarks.face_finding.lfw_faces import (
    background_line,
    face_lines,
    known_photos,
    turned_lines,
)
from benchmarks.face_finding.line import HEAD, Clock, Line
from benchmarks.face_finding.scenes import scene_lines
from benchmarks.face_finding.web_photos import web_lines
from index.datasets.views import read_labelled_photos
from index.enrollment.faces import NamedPhoto
from index.enrollment.stage import enroll_photos
from index.gallery.gallery import open_or_create_gallery
from masking.augment.people_lists import read_names
from masking.datasets.images import list_images, read_rgb
from masking.faces.finder import default_finder, unmasked_finder
from training.checkpoints.store import choose_onnx_embedder


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="With lfw, lfw-protocol, mfr2-a and wild-masked.",
)
@click.option("--count", default=400, show_default=True, help="LFW photos.")
@click.option("--boxes", type=click.Path(path_type=Path), help="Another detector's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(data: Path, count: int, boxes: Path | None, as_json: bool) -> None:
    """Count what is found of every kind of picture."""
    if not as_json:
        click.echo(HEAD)
    lines = []
    for line in all_lines(data, count, boxes):
        lines.append(asdict(line))
        if not as_json:
            click.echo(line.text())
    if as_json:
        click.echo(json.dumps(lines))


def all_lines(data: Path, count: int, boxes: Path | None) -> Iterator[Line]:
    """All lines of the table."""
    clock = Clock(default_finder())
    yield from scene_lines(clock)
    yield from web_lines(clock, data / "wild-masked", boxes)
    yield from _labelled(clock, data / "mfr2-a")
    people = sorted(read_names(data / "lfw-protocol" / "peopleDevTest.txt"))
    paths = [path for name in people for path in list_images(data / "lfw" / name)]
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    photos = list(known_photos([paths[i] for i in chosen], unmasked_finder()))
    yield from face_lines(clock, photos)
    yield background_line(clock, photos)
    yield from turned_lines(clock, photos[: count // 2])
    yield _enrolled(clock, paths[:: len(paths) // 300][:300])


def _labelled(clock: Clock, folder: Path) -> list[Line]:
    """Really masked and unmasked faces of a folder with labels.csv."""
    lines = []
    for masked in (True, False):
        photos = [p for p in read_labelled_photos(folder) if p.masked == masked]
        seen = [bool(clock.find(read_rgb(photo.path))) for photo in photos]
        missed = Counter(p.mask for p, hit in zip(photos, seen, strict=True) if not hit)
        name = f"{folder.name}, {'masked' if masked else 'unmasked'}"
        note = ", ".join(f"{kind} {n} missed" for kind, n in missed.items())
        lines.append(clock.line(name, sum(seen), len(seen), 1.0, note))
    return lines


def _enrolled(clock: Clock, paths: list[Path]) -> Line:
    """How many photographs of people are enrolled."""
    embedder = choose_onnx_embedder("shipped", Path())
    for path in paths:
        clock.find(read_rgb(path))
    named = [NamedPhoto(path.parent.name, path) for path in paths]
    with TemporaryDirectory() as folder:
        gallery = open_or_create_gallery(Path(folder), embedder)
        report = enroll_photos(named, gallery, embedder, lambda: clock.finder, 1)
    note = f"{len(report.failures)} refused"
    return clock.line("LFW, enrolled", len(report.added), len(paths), 0.99, note)


if __name__ == "__main__":
    main()
