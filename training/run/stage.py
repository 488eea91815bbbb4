"""`train`: an augmented folder to an embedder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from masking.augment.manifest import Manifest
from masking.files.writing import private_folder, sweep_unfinished
from masking.workers import worker_count
from training.backbones.registry import network_of
from training.checkpoints.store import AUTO, CACHE, STATE, add_checkpoint, set_latest
from training.config import TrainConfig
from training.data.chip_embeddings import cohort_of_rows
from training.data.train_data import TrainData, read_train_data
from training.data.train_loader import BatchLoader, TrainLoader, spec_config
from training.distributed import Processes
from training.embedders.torch_embedder import NetworkEmbedder, best_device
from training.run.initialisation import Initialisation, initialise
from training.run.loop import train_epochs
from training.run.report import NoLog, StepLog, TensorBoardLog, write_train_report
from training.run.state import TrainRun
from training.run.validation import validate

REPORT = "train-report"


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


@dataclass(frozen=True)
class _Place:
    """Where a training runs and writes."""

    models: Path
    device: torch.device
    workers: int
    processes: Processes

    @classmethod
    def of(cls, models: Path, config: TrainConfig, processes: Processes) -> _Place:
        device, workers = best_device(config.device), worker_count(config.workers)
        return cls(models, device, workers, processes)

    def log(self, config: TrainConfig, step: int) -> StepLog:
        if config.tensorboard and self.processes.first:
            return TensorBoardLog(self.models / REPORT, step)
        return NoLog()


def train(
    manifest: Manifest,
    models: Path,
    config: TrainConfig,
    init: Initialisation | None = None,
    processes: Processes | None = None,
) -> TrainReport:
    """Train an embedder; goes on from the last whole epoch of the same run.

    The state of the run stays until `forget_run`, so that what comes after training
    can be killed as well.

    Args:
        manifest: of the folder that `augment` filled.
        models: folder for the checkpoint, its report and the state of the run.
        init: student and teacher; None is dlib's network for both.
        processes: all of which call this alike; None is this one alone.

    Raises:
        InvalidConfig: too few people, nothing to minimise, or an unknown device or
            mask kind.
        DivergedTraining: the loss is not finite; the last checkpoint is kept.
    """
    place = _Place.of(models, config, processes or Processes())
    private_folder(models / CACHE)
    sweep_unfinished(models)
    init = init or initialise("dlib", AUTO, models, config.device, config.seed)
    with place.processes.first_one_first():
        data = read_train_data(
            manifest, config, init.teacher, place.workers, models / CACHE
        )
    run = TrainRun(data, config, place.device, init, place.processes)
    resumed_at = run.resume(models / STATE)
    loader = TrainLoader(
        data,
        init.student.geometry,
        config,
        place.device,
        place.workers,
        place.processes,
    )
    _train(run, data, loader, init, place)
    path, report = place.processes.of_the_first(lambda: _kept(run, data, place))
    return TrainReport(checkpoint=path, resumed_at=resumed_at, **report)


def _train(
    run: TrainRun,
    data: TrainData,
    loader: BatchLoader,
    init: Initialisation,
    place: _Place,
) -> None:
    """All epochs that are left; each is validated and saved."""
    check = partial(_figures, data, run.config, place.workers)
    progress, first_only = run.progress, place.processes.of_the_first
    if not progress.before:
        progress.before = first_only(lambda: check(init.student))
    log = place.log(run.config, progress.epoch * loader.steps)
    for epoch in train_epochs(run, loader, log):
        figures = first_only(lambda: check(run.embedder()))
        progress.epochs.append(figures)
        run.save(place.models / STATE)
        log.epoch(epoch * loader.steps, figures)
        if place.processes.first:
            write_train_report(place.models / REPORT, progress)


def forget_run(models: Path) -> None:
    """Remove what a finished training has left to go on from."""
    (models / STATE).unlink(missing_ok=True)


def _figures(
    data: TrainData, config: TrainConfig, workers: int, embedder: NetworkEmbedder
) -> dict[str, float]:
    specs = spec_config(config.kinds)
    found = validate(data.manifest, data.held_out, embedder, specs, workers)
    return found.to_json()


def _kept(run: TrainRun, data: TrainData, place: _Place) -> tuple[Path, dict[str, Any]]:
    """The finished checkpoint, with a cohort of its own where people are enough."""
    report = run.report()
    checkpoint = run.checkpoint(report)
    network = network_of(checkpoint.backbone, checkpoint.network)
    make = partial(
        NetworkEmbedder, network, "trained", place.device, geometry=checkpoint.geometry
    )
    cohort = cohort_of_rows(
        data.manifest,
        [row for row in data.rows if row.identity and not row.wears_mask],
        make(flip_average=True),
        place.workers,
        run.config.seed,
    )
    if cohort is not None:
        report["after"] = _figures(data, run.config, place.workers, make(cohort=cohort))
        checkpoint = replace(checkpoint, cohort=cohort, report=report)
    path = add_checkpoint(place.models, checkpoint)
    set_latest(place.models, path)
    return path, report
