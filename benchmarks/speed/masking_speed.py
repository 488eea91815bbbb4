"""How fast faces are masked, next to plainly decoding and encoding the photographs.

CPU seconds of this process, one thread. All rows take turns on the same photographs,
so that whatever else the machine does slows them alike: compare the ratios.

    python -m benchmarks.speed.masking_speed --photos data/lfw --batches 64,2048
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch

from masking.augment.config import AugmentConfig
from masking.augment.photo_step import PhotoStep
from masking.datasets.collections import Photo
from masking.datasets.images import decode_rgb, encode_image, list_images, read_bytes
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import Finder, unmasked_finder
from masking.landmarks import Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_all, draw_specs, sample_rng
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import parameters
from masking.rendering.photo_light import PhotoLook
from masking.rendering.render import photo_look, render
from masking.rendering.render_batch import BatchRenderer

SMALL = ChipGeometry(size_px=112)
# Photographs that a row works on before the next one has its turn.
TURN = 64
PLAIN = "decode and encode"


@dataclass(frozen=True)
class SpeedFigures:
    """Figures of one way of working.

    Attributes:
        goal: faces per CPU second that are aimed at; 0 = none.
        ms_per_face: CPU milliseconds; wall ones for work on a GPU.
        faces_per_second: their reverse; higher is better.
        ratio: time of decoding and encoding the photograph, over this; the
            higher, the better: 1 is as fast as that.
    """

    name: str
    goal: int
    ms_per_face: float
    faces_per_second: float
    ratio: float


@dataclass(frozen=True, eq=False)
class _Face:
    """One photograph and what is known of its face, whole and as a small chip."""

    photo: Photo
    data: bytes
    image: Image
    marks: Landmarks
    look: PhotoLook
    chip: Image
    chip_marks: Landmarks
    chip_look: PhotoLook
    specs: tuple[MaskSpec, ...]


# Works on the faces and says on how many: batches may be larger.
Work = Callable[[list[_Face]], int]


def measure(
    photos: list[Path], rounds: int, batches: tuple[int, ...] = (TURN,)
) -> list[SpeedFigures]:
    """Figures of every way of working on the photographs that show a face.

    Args:
        batches: how many chips are rendered at once.
    """
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    finder = unmasked_finder()
    known = (_known(path, finder) for path in photos)
    faces = [face for face in known if face is not None]
    with tempfile.TemporaryDirectory() as out:
        works = _works(Path(out), finder, batches)
        seconds, done = dict.fromkeys(works, 0.0), dict.fromkeys(works, 0)
        for work, _, _ in works.values():
            work(faces[:TURN])  # loads models and tables
        for start in list(range(0, len(faces), TURN)) * rounds:
            turn = faces[start : start + TURN]
            for name, (work, _, clock) in works.items():
                before = clock()
                done[name] += work(turn)
                seconds[name] += clock() - before
    speeds = {name: done[name] / seconds[name] for name in works}
    return [
        SpeedFigures(name, goal, 1000 / speed, speed, speed / speeds[PLAIN])
        for (name, (_, goal, _)), speed in zip(
            works.items(), speeds.values(), strict=True
        )
    ]


def _known(path: Path, finder: Finder) -> _Face | None:
    data = read_bytes(path)
    image = decode_rgb(data, str(path))
    found = finder.find(image)
    if not found:
        return None
    marks = found[0].landmarks
    chip = crop_chip(image, marks, SMALL, path.name)
    return _Face(
        Photo(path, path.parent.name, f"{path.parent.name}/{path.name}"),
        data,
        image,
        marks,
        photo_look(image, marks),
        chip.pixels,
        chip.landmarks,
        photo_look(chip.pixels, chip.landmarks),
        draw_specs(sample_rng(0, path.name), SpecConfig()),
    )


Clock = Callable[[], float]


def _works(
    out: Path, finder: Finder, batches: tuple[int, ...]
) -> dict[str, tuple[Work, int, Clock]]:
    """Name to work, goal in faces a second, and the clock it is measured by."""
    step = PhotoStep(out, AugmentConfig(variants=1), SpecConfig(), lambda: finder)
    works: dict[str, tuple[Work, int]] = {
        PLAIN: (_each(_recoded), 0),
        "first pass": (_each(lambda f: step((f.photo, None))), 60),
        "  of it: find faces": (_each(lambda f: finder.find(f.image)), 0),
        "250 px, landmarks known": (
            _each(lambda f: render(f.image, f.marks, f.specs)),
            150,
        ),
        "  light known too": (
            _each(lambda f: render(f.image, f.marks, f.specs, f.look)),
            0,
        ),
        "  with decode and encode": (_each(_remasked), 0),
        "112 px, landmarks known": (
            _each(lambda f: render(f.chip, f.chip_marks, f.specs)),
            500,
        ),
        "  light known as well": (
            _each(lambda f: render(f.chip, f.chip_marks, f.specs, f.chip_look)),
            0,
        ),
    }
    for size in batches:
        works[f"112 px, batches of {size}, CPU"] = (_batched("cpu", size), 0)
    clocked = {
        name: (work, goal, time.process_time) for name, (work, goal) in works.items()
    }
    for size in batches if torch.cuda.is_available() else ():
        name = f"112 px, batches of {size}, CUDA"
        clocked[name] = (_batched("cuda", size), 10_000, _cuda_clock)
    return clocked


def _each(do: Callable[[_Face], Any]) -> Work:
    """Work that does one face after the other."""

    def work(turn: list[_Face]) -> int:
        for face in turn:
            do(face)
        return len(turn)

    return work


def _recoded(face: _Face) -> bytes:
    return encode_image(decode_rgb(face.data, face.photo.photo_id), ".jpg")


def _remasked(face: _Face) -> bytes:
    image = decode_rgb(face.data, face.photo.photo_id)
    return encode_image(render(image, face.marks, face.specs).pixels, ".jpg")


def _batched(device: str, size: int) -> Work:
    """Work on `size` chips at once, the same ones again where there are fewer."""
    renderer = BatchRenderer(device)

    def work(turn: list[_Face]) -> int:
        faces = list(islice(cycle(turn), size))
        chips = np.stack([face.chip for face in faces]).transpose(0, 3, 1, 2)
        renderer(
            torch.from_numpy(np.ascontiguousarray(chips)).to(device),
            np.stack([face.chip_marks.points for face in faces]),
            [face.specs for face in faces],
            [face.chip_look for face in faces],
        )
        return size

    return work


def packing_ms(rounds: int, count: int = 2048) -> float:
    """CPU ms of drawing that many masks and of making them the numbers of a renderer.

    The best of the rounds. A GPU waits for this.
    """
    names = [f"0/{number}" for number in range(count)]
    spent = []
    for _ in range(max(rounds, 1)):
        before = time.process_time()
        drawn = draw_all(0, names, SpecConfig())
        parameters(NumpyArrays(), [specs[0] for specs in drawn])
        spent.append(time.process_time() - before)
    return 1000 * min(spent)


def _cuda_clock() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=128, show_default=True, help="Photographs to use.")
@click.option("--rounds", default=3, show_default=True, help="Turns over all of them.")
@click.option("--batches", default=f"{TURN}", show_default=True, help="Chips at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(photos: Path, count: int, rounds: int, batches: str, as_json: bool) -> None:
    """Measure on COUNT photos, evenly from the folder PHOTOS."""
    paths = list_images(photos)
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    sizes = tuple(int(text) for text in batches.split(","))
    rows = measure([paths[index] for index in chosen], rounds, sizes)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    click.echo(f"{'':<28} ms a face  faces/s  goal  ratio")
    for row in rows:
        goal = f"{row.goal:,}" if row.goal else ""
        click.echo(
            f"{row.name:<28} {row.ms_per_face:9.2f} {row.faces_per_second:8.0f} "
            f"{goal:>5}  {row.ratio:5.2f}"
        )
    packing = packing_ms(rounds)
    click.echo(f"drawing and packing 2,048 masks: {packing:.0f} ms, goal 50")


if __name__ == "__main__":
    main()
