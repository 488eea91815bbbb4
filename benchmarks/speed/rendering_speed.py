"""How fast batches of chips are rendered on the training device.

Chips, landmarks and light are those that `augment` has written: no face is looked for.
The ratio is to encoding and decoding the same chips as JPEG on one core, in one run.

    python -m benchmarks.speed.rendering_speed workspace/augmented
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import click
import cv2
import numpy as np
import torch
from torch import Tensor

from masking.augment.manifest import Manifest, read_manifest
from masking.datasets.image_decoding import decode_rgb
from masking.datasets.images import encode_image, read_rgb
from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry, warp
from masking.landmarks import Float32, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.photo_light import PhotoLook, look_from_list
from masking.rendering.render_batch import BatchRenderer
from training.embedders.torch_embedder import best_device


@dataclass(frozen=True, eq=False)
class Chips:
    """Unmasked chips of one size and what is rendered on them.

    Attributes:
        pixels: (N, 3, S, S) uint8 RGB.
        points: (N, 68, 2) landmarks, chip px.
    """

    pixels: Tensor
    points: Float32
    looks: list[PhotoLook]
    specs: list[tuple[MaskSpec, ...]]

    def first(self, count: int) -> Chips:
        """Some of them, from the beginning."""
        return Chips(
            self.pixels[:count],
            self.points[:count],
            self.looks[:count],
            self.specs[:count],
        )


@dataclass(frozen=True)
class RenderingSpeed:
    """Masks rendered at one batch size.

    Attributes:
        faces_per_second: median over the rounds, wall time; higher is better.
        ratio: to JPEG's encoding and decoding of the chips, one by one.
    """

    batch: int
    faces_per_second: float
    ratio: float


def read_chips(manifest: Manifest, size_px: int, count: int) -> Chips:
    """The first chips of an augmented folder, with a mask drawn for each.

    Raises:
        InvalidConfig: there is none.
    """
    rows = [row for row in manifest.faces() if row.look][:count]
    if not rows:
        raise InvalidConfig(f"{manifest.folder}: holds no chip. Run augment again.")
    matrix = manifest.geometry.matrix_to(ChipGeometry(size_px=size_px))
    images = [
        warp(read_rgb(manifest.folder / row.chip), matrix, size_px) for row in rows
    ]
    points = [
        Landmarks(np.array(row.chip_landmarks, np.float32)).moved(matrix).points
        for row in rows
    ]
    return Chips(
        torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(),
        np.stack(points),
        [look_from_list(row.look) for row in rows],
        [draw_specs(sample_rng(0, row.photo_id), SpecConfig()) for row in rows],
    )


def measure(
    chips: Chips, batches: list[int], rounds: int, device: torch.device
) -> list[RenderingSpeed]:
    """Speed at each batch size; they take turns with the codec."""
    renderer = BatchRenderer(device)
    jobs: dict[int, Callable[[], int]] = {0: lambda: _recode(chips)}
    for batch in batches:
        jobs[batch] = _rendering(renderer, chips.first(batch), device)
    for job in jobs.values():
        job()  # loads tables and kernels
    found: dict[int, list[float]] = {batch: [] for batch in jobs}
    for _ in range(rounds):
        for batch, job in jobs.items():
            begin = _clock(device)
            count = job()
            found[batch].append(count / (_clock(device) - begin))
    codec = found.pop(0)
    return [
        RenderingSpeed(
            batch,
            median(speeds),
            median(one / other for one, other in zip(speeds, codec, strict=True)),
        )
        for batch, speeds in found.items()
    ]


def _rendering(
    renderer: BatchRenderer, chips: Chips, device: torch.device
) -> Callable[[], int]:
    def job() -> int:
        # The copy to the device is part of the work.
        renderer(chips.pixels.to(device), chips.points, chips.specs, chips.looks)
        return len(chips.looks)

    return job


def _recode(chips: Chips) -> int:
    for chip in chips.pixels.permute(0, 2, 3, 1).numpy():
        decode_rgb(encode_image(np.ascontiguousarray(chip), ".jpg"), "chip")
    return len(chips.pixels)


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


@click.command()
@click.argument("augmented", type=click.Path(path_type=Path, exists=True))
@click.option("--size", default=112, show_default=True, help="Side of the chips, px.")
@click.option("--batches", default="64,256,1024", show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    augmented: Path, size: int, batches: str, rounds: int, device: str, as_json: bool
) -> None:
    """Render masks on chips of the folder AUGMENTED, which `augment` filled."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # many small steps: threads would only wait
    sizes = [int(text) for text in batches.split(",")]
    where = best_device(device)
    chips = read_chips(read_manifest(augmented), size, max(sizes))
    # No batch is larger than what there is.
    sizes = sorted({min(number, len(chips.looks)) for number in sizes})
    rows = measure(chips, sizes, rounds, where)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    click.echo(f"{size} px on {where}")
    for row in rows:
        click.echo(
            f"batches of {row.batch:5d}   {row.faces_per_second:8.0f} faces/s   "
            f"{row.ratio:6.2f} x JPEG encode and decode"
        )


if __name__ == "__main__":
    main()
