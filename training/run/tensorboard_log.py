"""Writes figures of a run where TensorBoard looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from masking.errors import MissingInput


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
                "--tensorboard needs the package tensorboard. Run: pip install "
                "'masked-faces[tensorboard]'"
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
