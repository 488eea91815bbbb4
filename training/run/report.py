"""Figures of a training run: a report after every epoch, events for TensorBoard."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from masking.errors import MissingInput
from masking.files.writing import strict_json, write_bytes
from training.run.state import Progress


def write_train_report(folder: Path, progress: Progress) -> None:
    """Write report.json and curves.png (loss; TAR on validation people)."""
    write_bytes(
        folder / "report.json", strict_json(asdict(progress), indent=2).encode()
    )
    write_bytes(folder / "curves.png", _curves(progress))


def _curves(progress: Progress) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, rates = figure.subplots(1, 2)
    epochs = range(1, len(progress.losses) + 1)
    loss.plot(epochs, progress.losses, marker="o")
    loss.set(title="Training loss", xlabel="epoch", ylabel="mean loss")
    history = [progress.before, *progress.epochs]
    for key, label in (
        ("uu_1e3", "unmasked - unmasked"),
        ("mu_1e3", "masked - unmasked"),
        ("mc_1e3", "masked - masked reference"),
        ("mm_1e3", "masked - masked"),
    ):
        rates.plot(
            range(len(history)), [item[key] for item in history], "o-", label=label
        )
    rates.set(title="TAR at FAR 0.001, validation people", xlabel="epoch", ylim=(0, 1))
    rates.legend(loc="lower right")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


class StepLog(Protocol):
    """Hears of every step and epoch."""

    def step(self, step: int, loss: float, learning_rate: float) -> None:
        """After a step."""

    def epoch(self, step: int, figures: dict[str, float]) -> None:
        """After an epoch, with the figures on validation people."""


class NoLog:
    """Keeps nothing."""

    def step(self, step: int, loss: float, learning_rate: float) -> None:
        """See `StepLog`."""

    def epoch(self, step: int, figures: dict[str, float]) -> None:
        """See `StepLog`."""


class TensorBoardLog:
    """Event files in a folder: tensorboard --logdir FOLDER."""

    def __init__(self, folder: Path, resumed_at: int = 0) -> None:
        """
        Args:
            resumed_at: the first step to come; events after it are taken back.

        Raises:
            MissingInput: tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingInput(
                "--tensorboard needs the package tensorboard. In its clone: "
                "pip install '.[tensorboard]'"
            ) from error
        self._writer = SummaryWriter(str(folder), purge_step=resumed_at)

    def step(self, step: int, loss: float, learning_rate: float) -> None:
        """See `StepLog`."""
        self._writer.add_scalar("loss", loss, step)
        self._writer.add_scalar("learning rate", learning_rate, step)

    def epoch(self, step: int, figures: dict[str, float]) -> None:
        """See `StepLog`."""
        for name, value in figures.items():
            self._writer.add_scalar(f"validation/{name}", value, step)
        self._writer.flush()
