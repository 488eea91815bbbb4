"""ROC and DET plots of several embedders on the three sets."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from index.evaluate_figures import CURVE_FARS, SETS, EmbedderFigures

_STYLES = ("-", "--", "-.", ":")
_COLOURS = {"U-U": "tab:green", "M-U": "tab:blue", "M-M": "tab:red"}


def roc_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """TAR over FAR (logarithmic): PNG bytes. Up and to the left is better."""
    figure, axes = _axes()
    for kind, tar, label, style in _curves(embedders):
        axes.plot(CURVE_FARS, tar, style, color=_COLOURS[kind], label=label)
    axes.set(ylabel="true accept rate", ylim=(0, 1.01), title="ROC")
    return _png(figure, axes)


def det_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """Missed genuine pairs over FAR, both logarithmic: PNG bytes. Down is better."""
    figure, axes = _axes()
    for kind, tar, label, style in _curves(embedders):
        # A rate of zero has no place on a logarithmic axis.
        missed = np.where(tar < 1, 1 - tar, np.nan)
        axes.plot(CURVE_FARS, missed, style, color=_COLOURS[kind], label=label)
    axes.set(ylabel="genuine pairs missed", yscale="log", title="DET")
    return _png(figure, axes)


def _curves(
    embedders: Sequence[EmbedderFigures],
) -> list[tuple[str, Any, str, str]]:
    """(set, (101,) TAR, label, line style) of each curve."""
    return [
        (
            kind,
            np.array(figures.sets[kind].curve_tar),
            f"{kind} {figures.name}",
            _STYLES[number % len(_STYLES)],
        )
        for kind in SETS
        for number, figures in enumerate(embedders)
        if kind in figures.sets
    ]


def _axes() -> tuple[Any, Any]:
    # Figure without pyplot: no display is needed and no state is left behind.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=110)
    axes = figure.add_subplot()
    axes.set(xscale="log", xlabel="false accept rate", xlim=(CURVE_FARS[0], 1))
    axes.grid(True, which="major", alpha=0.4)
    return figure, axes


def _png(figure: Any, axes: Any) -> bytes:
    if axes.lines:
        axes.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
