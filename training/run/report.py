"""Pictures and figures of a training run, rewritten after every epoch."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

from masking.files.strict_json import strict_json
from masking.files.writing import write_bytes


def write_train_report(folder: Path, progress: Any) -> None:
    """Write report.json and curves.png (loss; TAR on validation people)."""
    write_bytes(
        folder / "report.json", strict_json(asdict(progress), indent=2).encode()
    )
    write_bytes(folder / "curves.png", _curves(progress))


def _curves(progress: Any) -> bytes:
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
        ("mc_1e3", "masked - covered"),
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
