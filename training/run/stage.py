"""`train`: an augmented folder to an embedder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from masking.augment.manifest import Manifest
from masking.errors import DivergedTraining
from masking.files.writing import private_folder, sweep_unfinished
from masking.workers import worker_count
from training.backbones.registry import network_of
from training.checkpoints.store import AUTO, CACHE, STATE, add_checkpoint, set_latest
from training.config import TrainConfig
from training.data.batch_sampler import Batch
from training.data.chip_dataset import cohort_of_rows
from training.data.train_data import TrainData, read_train_data
from training.data.train_loader import BatchLoader, TrainLoader, spec_config
from training.distributed import Processes
from training.embedders.torch_embedder import NetworkEmbedder, best_device
from training.run.figures import (
    NoLog,
    StepLog,
    TensorBoardLog,
    validate,
    write_train_report,
)
from training.run.initialisation import Initialisation, initialise
from training.run.state import TrainRun, uses_bfloat16

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


_CLIP = 5.0
_SAFE_STEPS = 100


def train_epochs(run: TrainRun, loader: BatchLoader, log: StepLog) -> Iterator[int]:
    """Train epoch by epoch; yields after each one how many there were.

    Raises:
        DivergedTraining: the loss is not finite; the weights are those before.
    """
    config, progress = run.config, run.progress
    total = loader.steps * config.epochs
    done = loader.steps * progress.epoch
    with _bar(run, total, done) as bar:
        while progress.epoch < config.epochs:
            batches = iter(loader.epoch(progress.epoch))
            mean = 0.0
            for step in range(done, done + loader.steps):
                rate = learning_rate_at(
                    step, total, config.learning_rate, config.warm_up
                )
                loss = train_step(run, islice(batches, config.accumulate), step, rate)
                log.step(step, loss, rate)
                mean += loss / loader.steps
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update()
            # Lets the loader end its epoch.
            if next(batches, None) is not None:
                raise ValueError("the loader gave more batches than an epoch has")
            done += loader.steps
            progress.losses.append(mean)
            progress.epoch += 1
            yield progress.epoch


def _bar(run: TrainRun, total: int, done: int) -> Any:
    # Hidden where nobody looks, and in all processes but one.
    hidden = None if run.processes.first else True
    return tqdm(None, "train", total, initial=done, unit="step", disable=hidden)


def train_step(
    run: TrainRun,
    micro_batches: Iterable[tuple[Batch, Tensor]],
    step: int,
    learning_rate: float,
) -> float:
    """Gradients of all micro-batches, then one step of the optimisers.

    Args:
        micro_batches: of this process, with their chips.

    Returns:
        The mean loss over all processes.
    """
    run.zero_grad()
    loss = torch.zeros((), device=run.device)
    for number, (batch, inputs) in enumerate(micro_batches, 1):
        with _exchange(run, number == run.config.accumulate):
            own = _loss(run, batch, inputs) / run.config.accumulate
            own.backward()  # type: ignore[no-untyped-call]
        loss += own.detach()
    value = float(run.processes.mean(loss))
    if not math.isfinite(value):
        raise DivergedTraining(
            f"the loss is {value} at step {step}: the last whole epoch is kept. "
            "Run again with a lower --learning-rate."
        )
    nn.utils.clip_grad_norm_(run.weights, _CLIP)
    run.step(learning_rate)
    run.average.update(run.network)
    return value


def _loss(run: TrainRun, batch: Batch, inputs: Tensor) -> Tensor:
    bfloat16 = uses_bfloat16(run.config, run.device)
    with torch.autocast(run.device.type, torch.bfloat16, enabled=bfloat16):
        features = run.computed(inputs)
    rows = torch.from_numpy(batch.rows).to(run.device)
    loss: Tensor = run.objective(features.float(), rows)
    return loss


def _exchange(run: TrainRun, last: bool) -> AbstractContextManager[None]:
    """Gradients go to the other processes once a step, with the last micro-batch."""
    if run.processes.count == 1 or last:
        return nullcontext()
    without: AbstractContextManager[None] = run.computed.no_sync()
    return without


def learning_rate_at(
    step: int, total: int, peak: float, warm_up: float = 0.25
) -> float:
    """One cycle: cosine up to the peak, then cosine down to zero.

    In the first _SAFE_STEPS it stays under a straight line besides: Adam's first
    steps change every weight by the full rate, which throws a trained network far
    off (distillation loss .17 -> 2.4 in one step of 2e-4; .17 -> .10 in eight
    steps of 5e-5). Short runs therefore never reach the peak.

    Args:
        warm_up: fraction of the steps before the peak.

    Source: Smith & Topin, arXiv:1708.07120, with cosine instead of straight lines.
    """
    top = max(1, int(warm_up * total))
    if step < top:
        rate = 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * step / top))
    else:
        down = (step - top) / max(1, total - top)
        rate = 0.5 * (1 + math.cos(math.pi * down))
    return peak * min(rate, (step + 1) / _SAFE_STEPS)
