"""`train`: an augmented folder to an embedder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from masking.errors import InvalidConfig
from masking.landmarks import Float32
from masking.manifest import Manifest, ManifestRow
from masking.worker_pool import worker_count
from training.chip_embeddings import bare_embeddings
from training.identity_split import validation_people
from training.latest_model import set_latest
from training.losses import class_means
from training.model_folder import add_checkpoint
from training.network_embedder import NetworkEmbedder, best_device, start_embedder
from training.train_config import TrainConfig
from training.train_loop import TrainData, TrainLoop, spec_config
from training.train_report import write_train_report
from training.validation import validate

STATE = "training.pt"


@dataclass(frozen=True)
class TrainReport:
    """The trained embedder and its early figures on validation people."""

    checkpoint: Path
    people: int
    chips: int
    validation_people: int
    before: dict[str, float]
    after: dict[str, float]
    resumed_at: int


def train(
    manifest: Manifest,
    models: Path,
    config: TrainConfig,
    start: NetworkEmbedder | None = None,
) -> TrainReport:
    """Train an embedder; goes on from the last whole epoch of the same run.

    Args:
        manifest: of the folder that `augment` filled.
        models: folder for the checkpoint, its report and the state of the run.
        start: whose weights to begin with; None is dlib's network, which in any
            case gives the targets, so that the embedding space stays dlib's.

    Raises:
        InvalidConfig: too few people, or an unknown device or mask kind.
        DivergedTraining: the loss is not finite; the last checkpoint is kept.
    """
    device = best_device(config.device)
    workers = worker_count(config.workers)
    teacher = start_embedder(device)
    data = _train_data(manifest, config, teacher, workers, models / "cache")
    loop = TrainLoop(data, config, device, start or teacher, workers)
    resumed_at = loop.resume(models / STATE)
    specs = spec_config(config)
    if not loop.progress.before:
        figures = validate(manifest, data.held_out, start or teacher, specs, workers)
        loop.progress.before = figures.to_json()
    for _ in loop.epochs():
        figures = validate(manifest, data.held_out, loop.embedder(), specs, workers)
        loop.progress.epochs.append(figures.to_json())
        loop.save(models / STATE)
        write_train_report(models / "train-report", loop.progress)
    return _finish(models, loop, data, resumed_at)


def _finish(
    models: Path, loop: TrainLoop, data: TrainData, resumed_at: int
) -> TrainReport:
    report: dict[str, Any] = {
        "before": loop.progress.before,
        "after": loop.progress.epochs[-1],
        "people": len(data.prototypes),
        "chips": len(data.rows),
        "validation_people": len({row.identity for row in data.held_out}),
    }
    path = add_checkpoint(models, loop.checkpoint(report))
    set_latest(models, path)
    (models / STATE).unlink(missing_ok=True)
    return TrainReport(checkpoint=path, resumed_at=resumed_at, **report)


def _train_data(
    manifest: Manifest,
    config: TrainConfig,
    teacher: NetworkEmbedder,
    workers: int,
    cache: Path,
) -> TrainData:
    rows = manifest.faces()
    if not rows:
        raise InvalidConfig(
            f"{manifest.folder}: its manifest holds no face. Run augment on photos of "
            "faces first."
        )
    identities = [row.identity for row in rows]
    kept_out = validation_people(identities, config.validation_share, config.seed)
    bare: Float32 = bare_embeddings(manifest, teacher, workers, cache)
    train_rows = [row for row, out in zip(rows, kept_out, strict=True) if not out]
    people = sorted({row.identity for row in train_rows})
    number = {name: index for index, name in enumerate(people)}
    labels = torch.tensor([number[row.identity] for row in train_rows])
    wanted = torch.from_numpy(bare[~kept_out])
    return TrainData(
        manifest,
        train_rows,
        [row for row, out in zip(rows, kept_out, strict=True) if out],
        wanted,
        labels,
        class_means(wanted, labels, len(people)),
    )


def held_out_rows(manifest: Manifest, share: float, seed: int) -> list[ManifestRow]:
    """Rows of the people that a training with these options keeps out."""
    rows = manifest.faces()
    kept_out = validation_people([row.identity for row in rows], share, seed)
    return [row for row, out in zip(rows, kept_out, strict=True) if out]
