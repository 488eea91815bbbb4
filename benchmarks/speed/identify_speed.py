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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
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
from masking.faces.alignment import crop_chip
from masking.faces.finder import (
    AlignedFace,
    AlignedPhoto,
    FaceFinder,
    default_finder,
    unmasked_finder,
)
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.checkpoints.store import choose_embedder, choose_onnx_embedder
from training.embedders.embedded_face import Embedder, embed_faces

WHOLE = "all of it, without a card"


@dataclass
class Stopwatch:
    """CPU seconds of each step, a list a step."""

    spent: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times a block."""
        started = time.process_time()
        yield
        self.add(name, time.process_time() - started)

    def add(self, name: str, seconds: float) -> None:
        """Count one more time of a step."""
        self.spent.setdefault(name, []).append(seconds)

    def whole_ms(self, chosen: list[bool]) -> float:
        """Median of whole identifications, of the chosen probes."""
        times = zip(self.spent[WHOLE], chosen, strict=True)
        return 1e3 * median(seconds for seconds, wanted in times if wanted)

    def medians_ms(self) -> dict[str, float]:
        """Median of each step, milliseconds."""
        return {name: 1e3 * median(times) for name, times in self.spent.items()}


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
        "whole_ms": ours.whole_ms(both),
        "whole_theirs_ms": theirs.whole_ms(both),
        "warm_ms": ours.medians_ms(),
        "warm_theirs_ms": theirs.medians_ms(),
        "cold": asdict(cold),
        "cold_theirs": asdict(cold_theirs),
    }


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
) -> tuple[Stopwatch, list[bool]]:
    config = IdentifyConfig(cards=False)
    identifier = Identifier(gallery, embedder, finder, workspace / "out", config)
    heavy = choose_embedder("shipped", workspace, "cpu")
    watch, found = Stopwatch(), []
    # Once unmeasured: pages of models, caches, threads.
    identifier.answers(probes[0])
    for probe in probes:
        started = time.process_time()
        (answer, *_) = identifier.answers(probe)
        watch.add(WHOLE, time.process_time() - started)
        found.append(answer.decision is not None)
        if answer.decision is not None:
            _our_steps(probe, identifier, embedder, heavy, finder, watch)
    return watch, found


def _our_steps(
    probe: Path,
    identifier: Identifier,
    embedder: Embedder,
    heavy: Embedder,
    finder: FaceFinder,
    watch: Stopwatch,
) -> None:
    with watch.step("  read the file"):
        image = read_rgb(probe)
    with watch.step("  detect, and find landmarks"):
        face = finder.find(image)[0]
    with watch.step("  align"):
        chip = crop_chip(image, face.landmarks, embedder.geometry, str(probe))
    found = AlignedFace(str(probe), crops=(chip.pixels,), box=face.box)
    with watch.step("  embed"):
        (embedded,) = embed_faces(embedder, [found])
    with watch.step("  search and decide"):
        decision = identifier.recogniser.decide(embedded)
    photo = AlignedPhoto(str(probe), "speed", image, (found,))
    with watch.step("a card"):
        identifier.cards.write_face(photo, 0, embedded, decision, "face1", "")
    with watch.step("a face more with torch, once it is loaded"):
        embed_faces(heavy, [found])


def _theirs(
    probes: list[Path], encodings: Encodings, way: DlibWay
) -> tuple[Stopwatch, list[bool]]:
    watch, found = Stopwatch(), []
    for probe in probes:
        started = time.process_time()
        image = read_rgb(probe)
        with watch.step("  detect"):
            locations = way.locations(image)
        found.append(bool(locations))
        if locations:
            with watch.step("  landmarks, align and embed"):
                encoding = way.encoding(image, locations[0])
            with watch.step("  compare with every encoding"):
                nearest(encodings, encoding)
        watch.add(WHOLE, time.process_time() - started)
    return watch, found


def _our_command(probe: Path, workspace: Path) -> list[str]:
    command = [sys.executable, "cli.py", "identify", str(probe)]
    return [*command, "--workspace", str(workspace), "--model", "shipped"]


def _their_command(probe: Path, workspace: Path) -> list[str]:
    encodings = str(workspace / "encodings.npy")
    return [sys.executable, "-m", "benchmarks.shared.dlib_way", encodings, str(probe)]


def _table(figures: dict[str, Any], say: Callable[[str], Any]) -> None:
    ours, theirs = figures["warm_ms"], figures["warm_theirs_ms"]
    count = figures["probes"]
    say(
        f"one masked photo, median of {count}, CPU ms    ours ({figures['found_ours']}"
        f" of {count} found)"
    )
    for name, value in ours.items():
        say(f"  {name:<46} {value:8.1f}")
    say(f"face_recognition's way ({figures['found_theirs']} of {count} found)")
    for name, value in theirs.items():
        say(f"  {name:<46} {value:8.1f}")
    one, other = figures["whole_ms"], figures["whole_theirs_ms"]
    say(
        f"warm, the {figures['found_by_both']} photos found by both: ours {one:.0f} "
        f"ms, theirs {other:.0f} ms, {other / one:.2f} times ours"
    )
    cold, rival = figures["cold"], figures["cold_theirs"]
    say("from process start to answer:    CPU s   wall s")
    say(f"  ours, with a card            {cold['cpu_s']:7.2f}  {cold['wall_s']:7.2f}")
    say(f"  face_recognition's way       {rival['cpu_s']:7.2f}  {rival['wall_s']:7.2f}")
    say(f"cold: theirs takes {rival['cpu_s'] / cold['cpu_s']:.2f} times our CPU time")


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
    if as_json:
        click.echo(json.dumps(figures))
        return
    _table(figures, click.echo)


if __name__ == "__main__":
    main()
