"""How fast training and embedding are, as ratios in one run.

Training is compared with the bare forward and backward of the network on tensors
that are ready, embedding with dlib's own code on the same chips. On a CPU one core
counts, in CPU time, so that other jobs on the machine do not matter; chips are read,
rendered and jittered in the same process.

    python -m benchmarks.speed.training_speed
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch

from masking.augment.config import AugmentConfig
from masking.augment.manifest import Manifest, read_manifest
from masking.augment.stage import augment
from masking.datasets.sample import sample_people
from masking.files.model_files import RECOGNITION, dlib_model
from masking.landmarks import Image
from training.config import TrainConfig
from training.data.train_data import read_train_data
from training.data.train_loader import BatchLoader, TrainLoader
from training.distributed import Processes
from training.embedders.torch_embedder import best_device, dlib_embedder
from training.run.initialisation import initialise
from training.run.stage import train_step
from training.run.state import TrainRun, uses_bfloat16

_PHOTOS = 8


@dataclass(frozen=True)
class Speed:
    """One way of doing the job.

    Attributes:
        images_per_second: median over the rounds; higher is better.
        ratio: of its speed to that of what it is compared with, in the same rounds.
    """

    name: str
    compared_with: str
    images_per_second: float
    ratio: float


def speeds(
    jobs: dict[str, Callable[[], int]], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Images per second of each job in each round; jobs take turns.

    Args:
        jobs: each does its work once and says how many images that was.
        clock: seconds.
    """
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()  # warms caches up and compiles
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = clock()
            count = job()
            found[name].append(count / (clock() - begin))
    return found


def compared(found: dict[str, list[float]], base: str) -> list[Speed]:
    """Speeds beside that of one job; the ratio is the median of the rounds' ratios."""
    return [
        Speed(
            name,
            base,
            median(values),
            median(a / b for a, b in zip(values, found[base], strict=True)),
        )
        for name, values in found.items()
    ]


def training_jobs(
    manifest: Manifest, config: TrainConfig, folder: Path
) -> dict[str, Callable[[], int]]:
    """Steps on chips that are ready, and whole training."""
    device = best_device(config.device)
    whole_run, whole = _training(manifest, config, folder, device)
    batch, chips = next(iter(whole.epoch(0)))

    def network_alone() -> int:
        whole_run.zero_grad()
        bfloat16 = uses_bfloat16(config, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            features = whole_run.computed(chips)
        features.float().square().sum().backward()
        return len(chips)

    def step() -> int:
        train_step(whole_run, [(batch, chips)], 0, 1e-6)
        return len(chips)

    return {
        "bare forward and backward": network_alone,
        "step on ready chips": step,
        "training": lambda: _epoch(whole_run, whole),
    }


def _epoch(run: TrainRun, loader: BatchLoader) -> int:
    """An epoch's steps; gives the number of images."""
    count = 0
    for batch, inputs in loader.epoch(0):
        train_step(run, [(batch, inputs)], 0, 1e-6)
        count += len(batch.rows)
    return count


def _training(
    manifest: Manifest, config: TrainConfig, folder: Path, device: torch.device
) -> tuple[TrainRun, BatchLoader]:
    start = initialise("auto", config.backbone, folder, config.device, 0)
    data = read_train_data(manifest, config, start.teacher, 0, folder)
    run = TrainRun(data, config, device, start, Processes())
    return run, TrainLoader(
        data, start.student.geometry, config, device, 0, Processes()
    )


def embedding_jobs(device: str, batch: int) -> dict[str, Callable[[], int]]:
    """Our embedder and dlib's own code on the same chips."""
    import dlib

    rng = np.random.default_rng(0)
    chips: Image = rng.integers(0, 256, (batch, 3, 150, 150), dtype=np.uint8)
    upright = [np.ascontiguousarray(chip) for chip in chips.transpose(0, 2, 3, 1)]
    theirs: Any = dlib.face_recognition_model_v1(str(dlib_model(RECOGNITION)))
    ours = dlib_embedder(best_device(device))
    return {
        "dlib": lambda: len(theirs.compute_face_descriptor(upright)),
        "ours": lambda: len(ours.embed(chips)),
    }


def measure(people: int, batch: int, rounds: int, device: str) -> list[Speed]:
    """All speeds, on chips of the embedded sample."""
    on_cpu = best_device(device).type == "cpu"
    if on_cpu:
        torch.set_num_threads(1)
    clock = time.process_time if on_cpu else _device_clock
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for person in sorted(sample_people().iterdir())[:people]:
            shutil.copytree(person, folder / "people" / person.name)
        config = AugmentConfig(variants=1)
        augment(folder / "people", folder / "augmented", config)
        manifest = read_manifest(folder / "augmented")
        jobs = training_jobs(manifest, _config(batch, device), folder)
        found = compared(speeds(jobs, rounds, clock), "bare forward and backward")
    return found + compared(
        speeds(embedding_jobs(device, batch), rounds, clock), "dlib"
    )


def _config(batch: int, device: str) -> TrainConfig:
    return TrainConfig(
        batch_size=batch, samples_per_person=0, head="none", device=device
    )


def _device_clock() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


@click.command()
@click.option("--people", default=20, show_default=True, help=f"{_PHOTOS} photos each.")
@click.option("--batch", default=128, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(people: int, batch: int, rounds: int, device: str, as_json: bool) -> None:
    """Measure training and embedding."""
    rows = measure(people, batch, rounds, device)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    for row in rows:
        click.echo(
            f"{row.name:<36} {row.images_per_second:8.1f} images/s   "
            f"{row.ratio:5.2f} x {row.compared_with}"
        )


if __name__ == "__main__":
    main()
