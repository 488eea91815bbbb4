"""The training loop: one step after another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from masking.errors import DivergedTraining
from training.data.batch_plan import BatchPlan
from training.data.chip_feed import Feed
from training.run.report import StepLog
from training.run.schedule import learning_rate_at
from training.run.state import TrainRun, uses_bfloat16

_CLIP = 5.0


def train_epochs(run: TrainRun, feed: Feed, log: StepLog) -> Iterator[int]:
    """Train epoch by epoch; yields after each one how many there were.

    Raises:
        DivergedTraining: the loss is not finite; the weights are those before.
    """
    config, progress = run.config, run.progress
    total = feed.steps * config.epochs
    done = feed.steps * progress.epoch
    with _bar(run, total, done) as bar:
        while progress.epoch < config.epochs:
            batches = iter(feed.epoch(progress.epoch))
            mean = 0.0
            for step in range(done, done + feed.steps):
                rate = learning_rate_at(
                    step, total, config.learning_rate, config.warm_up
                )
                loss = train_step(run, islice(batches, config.accumulate), step, rate)
                log.step(step, loss, rate)
                mean += loss / feed.steps
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update()
            # Lets the feed end its epoch.
            if next(batches, None) is not None:
                raise ValueError("the feed gave more batches than an epoch has")
            done += feed.steps
            progress.losses.append(mean)
            progress.epoch += 1
            yield progress.epoch


def _bar(run: TrainRun, total: int, done: int) -> Any:
    # Hidden where nobody looks, and in all processes but one.
    hidden = None if run.processes.first else True
    return tqdm(None, "train", total, initial=done, unit="step", disable=hidden)


def train_step(
    run: TrainRun,
    parts: Iterable[tuple[BatchPlan, Tensor]],
    step: int,
    learning_rate: float,
) -> float:
    """Gradients of all parts of a batch, then one move of the weights.

    Args:
        parts: this process's parts, with what the trained stages read.

    Returns:
        The mean loss of all processes' parts.
    """
    run.zero_grad()
    loss = torch.zeros((), device=run.device)
    for number, (plan, inputs) in enumerate(parts, 1):
        with _exchange(run, number == run.config.accumulate):
            part = _loss(run, plan, inputs, step) / run.config.accumulate
            part.backward()  # type: ignore[no-untyped-call]
        loss += part.detach()
    value = float(run.processes.mean(loss))
    if not math.isfinite(value):
        raise DivergedTraining(
            f"the loss is {value} at step {step}: the last whole epoch is kept. "
            "Run again with a lower --learning-rate."
        )
    nn.utils.clip_grad_norm_(run.weights, _CLIP)
    run.move(learning_rate)
    run.average.update(run.network)
    return value


def _loss(run: TrainRun, plan: BatchPlan, inputs: Tensor, step: int) -> Tensor:
    bfloat16 = uses_bfloat16(run.config, run.device)
    with torch.autocast(run.device.type, torch.bfloat16, enabled=bfloat16):
        features = run.trained(inputs)
    rows = torch.from_numpy(plan.rows).to(run.device)
    loss: Tensor = run.objective(features.float(), rows, step)
    return loss


def _exchange(run: TrainRun, last: bool) -> Any:
    """Gradients go to the other processes once a step, with the last part."""
    if run.processes.count == 1 or last:
        return nullcontext()
    return run.trained.no_sync()
