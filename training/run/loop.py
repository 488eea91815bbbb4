"""The training loop: one step after another, each with its learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from masking.errors import DivergedTraining
from training.data.batch_sampler import Batch
from training.data.train_loader import BatchLoader
from training.run.report import StepLog
from training.run.state import TrainRun, uses_bfloat16

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
