"""Figures of a training run: on people held out of it, in a report, and as events.

They are early news, not a test.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import DivergedTraining, MissingInput
from masking.files.writing import strict_json, write_bytes
from masking.landmarks import Float32
from masking.masks.spec import SpecConfig
from training.data.chip_dataset import MISALIGNED, embed_rows
from training.embedders.embedded_face import Embedder
from training.metrics.pairs import compare_between, compare_within
from training.metrics.score_normalization import EmbeddedFaces
from training.metrics.verification import tar_at_far
from training.run.state import Progress

_SEED = 20
# Networks are trained to embeddings of about 1; some of others give 20.
_LARGEST = 1e6


@dataclass(frozen=True)
class ValidationFigures:
    """TAR (higher is better) at FAR 1e-2 and 1e-3, people weighted equally.

    U-U compares unmasked faces, M-U masked with unmasked, M-C masked ones with
    masked references, M-M masked with masked ones. Galleries compare as in U-U and M-C.
    """

    uu_1e2: float
    uu_1e3: float
    mu_1e2: float
    mu_1e3: float
    mc_1e2: float
    mc_1e3: float
    mm_1e3: float

    def to_json(self) -> dict[str, float]:
        """JSON-able record."""
        return asdict(self)


def validate(
    manifest: Manifest,
    rows: list[ManifestRow],
    embedder: Embedder,
    specs: SpecConfig,
    workers: int,
    seed: int = _SEED,
) -> ValidationFigures:
    """Compare all photos of these rows, unmasked and with one synthetic mask each.

    Args:
        seed: of the masks and of how the masked chips are misaligned.

    Raises:
        DivergedTraining: the embeddings are useless: too large, or no numbers.
    """
    names = sorted({row.identity for row in rows})
    people = np.array([names.index(row.identity) for row in rows], dtype=np.int32)
    photos = np.arange(len(rows), dtype=np.int32)
    embed = partial(embed_rows, manifest, rows, embedder, workers)
    unmasked = embed(label="validate unmasked")
    _check_size(unmasked)
    references = embed(label="validate references", masked_reference=True)
    masked = embed(
        masked_fraction=1.0,
        specs=specs,
        degradation=MISALIGNED,
        seed=seed,
        label="validate masked",
    )
    unmasked_faces, masked_faces, reference_faces = (
        EmbeddedFaces(part, people, photos, embedder.cohort)
        for part in (unmasked, masked, references)
    )
    uu = compare_within(unmasked_faces)
    mu = compare_between(masked_faces, unmasked_faces)
    mc = compare_between(masked_faces, reference_faces)
    mm = compare_within(masked_faces)
    return ValidationFigures(
        tar_at_far(uu, 1e-2),
        tar_at_far(uu, 1e-3),
        tar_at_far(mu, 1e-2),
        tar_at_far(mu, 1e-3),
        tar_at_far(mc, 1e-2),
        tar_at_far(mc, 1e-3),
        tar_at_far(mm, 1e-3),
    )


def _check_size(embeddings: Float32) -> None:
    largest = float(np.abs(embeddings).max(initial=0))
    # Written this way round, one that is no number is refused too.
    if not largest <= _LARGEST:
        raise DivergedTraining(
            f"the network makes numbers of up to {largest:.0e} of faces, about 1 was "
            "expected: the last whole epoch before is kept. Run again with a lower "
            "--learning-rate."
        )


def write_train_report(folder: Path, progress: Progress) -> None:
    """Write report.json and curves.png (loss; TAR on validation people)."""
    write_bytes(
        folder / "report.json", strict_json(asdict(progress), indent=2).encode()
    )
    write_bytes(folder / "curves.png", _curves(progress))


def _curves(progress: Progress) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6))
    # Given, because to find them all is drawn twice.
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.14, top=0.9, wspace=0.16)
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
    for axes in (loss, rates):
        axes.xaxis.get_major_locator().set_params(integer=True)
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
