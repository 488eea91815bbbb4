"""What identifying one masked photo costs: warm, cold, and beside face_recognition.

CPU time, since machines are shared; wall time too for the cold start. Photos are of the
embedded sample, with synthetic masks, or of a folder per person. face_recognition is
measured as `benchmarks.shared.dlib_way`, in the same run.

    python -m benchmarks.speed.identify_speed
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from benchmarks.shared.dlib_way import DlibWay, Encodings, nearest
from index.enrollment.stage import enroll
from index.gallery.gallery import Gallery, open_or_create_gallery
from index.identification.config import IdentifyConfig
from index.identification.stage import Identifier
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_people
from masking.faces.finder import (
    FaceFinder,
    default_finder,
    unmasked_finder,
)
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.checkpoints.store import choose_onnx_embedder
from training.embedders.embedded_face import Embedder

_ROOT = Path(__file__).resolve().parents[2]
_COMPILES_ANEW = "PYTHONDONTWRITEBYTECODE"


@dataclass(frozen=True)
class ColdFigures:
    """From the start of a process to its answer: medians, seconds."""

    cpu_s: float
    wall_s: float


def cold_start(command: list[str], runs: int) -> ColdFigures:
    """Medians over `runs` processes, after one that warms the disk's cache."""
    times = []
    # What is imported is compiled once, as on a user's machine, not by each process.
    env = {name: value for name, value in os.environ.items() if name != _COMPILES_ANEW}
    for _ in range(runs + 1):
        before, started = _children_s(), time.perf_counter()
        done = subprocess.run(
            command, cwd=_ROOT, env=env, capture_output=True, text=True
        )
        if done.returncode not in (0, 3):
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        times.append((_children_s() - before, time.perf_counter() - started))
    cpu_s, wall_s = (median(column) for column in zip(*times[1:], strict=True))
    return ColdFigures(cpu_s, wall_s)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_ENROLLED = 2


def measure(photos: Path, people: int, runs: int) -> dict[str, Any]:
    """All figures; `people` are enrolled with two photos, one more is the probe."""
    folders = sorted(path for path in photos.iterdir() if path.is_dir())[:people]
    with TemporaryDirectory() as place:
        workspace = Path(place)
        embedder = choose_onnx_embedder("shipped", workspace)
        finder = default_finder()
        probes = [_masked_probe(folder, workspace) for folder in folders]
        way = DlibWay()
        with open_or_create_gallery(workspace / "gallery", embedder) as gallery:
            encodings = _enroll_both(folders, gallery, embedder, finder, way)
            ours, found = _ours(probes, gallery, embedder, finder, workspace)
        theirs, found_theirs = _theirs(probes, encodings, way)
        np.save(workspace / "encodings.npy", encodings)
        both = [one and other for one, other in zip(found, found_theirs, strict=True)]
        if not any(both):
            raise click.ClickException("no probe was found by both ways")
        probe = probes[both.index(True)]
        cold = cold_start(_our_command(probe, workspace), runs)
        cold_theirs = cold_start(_their_command(probe, workspace), runs)
    return {
        "probes": len(probes),
        "found_ours": sum(found),
        "found_theirs": sum(found_theirs),
        "found_by_both": sum(both),
        "whole_ms": _median_ms(ours, both),
        "whole_theirs_ms": _median_ms(theirs, both),
        "cold": asdict(cold),
        "cold_theirs": asdict(cold_theirs),
    }


def _median_ms(seconds: list[float], chosen: list[bool]) -> float:
    times = zip(seconds, chosen, strict=True)
    return 1e3 * median(spent for spent, wanted in times if wanted)


def _masked_probe(folder: Path, workspace: Path) -> Path:
    """The last photo of a person with a mask rendered on it."""
    image = read_rgb(list_images(folder)[-1])
    face = unmasked_finder().find(image)[0]
    specs = draw_specs(sample_rng(1, folder.name), SpecConfig(wrongly_worn=0))
    path = workspace / "probes" / f"{folder.name}.jpg"
    write_image(path, render(image, face.landmarks, specs).pixels)
    return path


def _enroll_both(
    folders: list[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: FaceFinder,
    way: DlibWay,
) -> Encodings:
    encodings = []
    for folder in folders:
        known = list_images(folder)[:_ENROLLED]
        enroll(folder.name, known, gallery, embedder, finder)
        for photo in known:
            image = read_rgb(photo)
            for location in way.locations(image)[:1]:
                encodings.append(way.encoding(image, location))
    return np.array(encodings)


def _ours(
    probes: list[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: FaceFinder,
    workspace: Path,
) -> tuple[list[float], list[bool]]:
    """CPU seconds of each probe without a card, and whether its face was found."""
    config = IdentifyConfig(cards=False)
    identifier = Identifier(gallery, embedder, finder, workspace / "out", config)
    seconds, found = [], []
    # Once unmeasured: pages of models, caches, threads.
    identifier.answers(probes[0])
    for probe in probes:
        started = time.process_time()
        (answer, *_) = identifier.answers(probe)
        seconds.append(time.process_time() - started)
        found.append(answer.decision is not None)
    return seconds, found


def _theirs(
    probes: list[Path], encodings: Encodings, way: DlibWay
) -> tuple[list[float], list[bool]]:
    """As `_ours`."""
    seconds, found = [], []
    for probe in probes:
        started = time.process_time()
        image = read_rgb(probe)
        locations = way.locations(image)
        if locations:
            nearest(encodings, way.encoding(image, locations[0]))
        seconds.append(time.process_time() - started)
        found.append(bool(locations))
    return seconds, found


def _our_command(probe: Path, workspace: Path) -> list[str]:
    command = [sys.executable, "cli.py", "identify", str(probe)]
    return [*command, "--workspace", str(workspace), "--model", "shipped"]


def _their_command(probe: Path, workspace: Path) -> list[str]:
    encodings = str(workspace / "encodings.npy")
    return [sys.executable, "-m", "benchmarks.shared.dlib_way", encodings, str(probe)]


def _table(figures: dict[str, Any]) -> str:
    one, other = figures["whole_ms"], figures["whole_theirs_ms"]
    found = f"{figures['found_ours']} and {figures['found_theirs']}"
    lines = [
        f"ours and face_recognition's way find {found} of {figures['probes']} photos",
        f"warm, {figures['found_by_both']} photos found by both, CPU ms: "
        f"{one:.0f} and {other:.0f}",
    ]
    for name, key in (("ours, with a card", "cold"), ("theirs", "cold_theirs")):
        cold = figures[key]
        times = f"CPU {cold['cpu_s']:.2f} s, wall {cold['wall_s']:.2f} s"
        lines.append(f"from process start to answer, {name}: {times}")
    return "\n".join(lines)


@click.command()
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=sample_people(),
    help="A folder per person, each with three photos or more; default: the sample.",
)
@click.option("--people", default=20, show_default=True, help="Enrolled, and probed.")
@click.option("--runs", default=5, show_default=True, help="Cold starts of each.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(photos: Path, people: int, runs: int, as_json: bool) -> None:
    """Measure identification of one masked photo."""
    figures = measure(photos, people, runs)
    click.echo(json.dumps(figures) if as_json else _table(figures))


if __name__ == "__main__":
    main()
