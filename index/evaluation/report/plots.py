"""ROC, DET and CMC plots of several embedders, a panel for each set of pairs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from index.evaluation.figures import SETS, EmbedderFigures
from index.evaluation.set_figures import CMC_DEPTH, CURVE_FARS

ROC, DET, CMC = "roc.png", "det.png", "cmc.png"
_STYLES = ("--", "-", "-.", ":")
# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = ("#666666", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
_SMALLEST_FAR = 1e-4


def report_plots(embedders: Sequence[EmbedderFigures]) -> dict[str, bytes]:
    """The plots by the name of their file; no CMC where nothing was identified."""
    plots = {ROC: roc_png(embedders), DET: det_png(embedders)}
    if any(one.ranks and one.ranks.probes for one in embedders):
        plots[CMC] = cmc_png(embedders)
    return plots


def roc_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """TAR over FAR (logarithmic): PNG bytes. Up and to the left is better."""
    figure, panels = _panels(embedders)
    for axes, name, tar, look in _curves(embedders, panels):
        axes.plot(CURVE_FARS, tar, label=name, **look)
    for axes in panels.values():
        axes.set(ylim=(0, 1.01))
    next(iter(panels.values())).set(ylabel="true accept rate")
    return _png(figure, panels, "lower right")


def det_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """Missed genuine pairs over FAR, both logarithmic: PNG bytes. Down is better."""
    figure, panels = _panels(embedders)
    for axes, name, tar, look in _curves(embedders, panels):
        # A rate of zero has no place on a logarithmic axis.
        missed = np.where(tar < 1, 1 - tar, np.nan)
        axes.plot(CURVE_FARS, missed, label=name, **look)
    for axes in panels.values():
        axes.set(yscale="log", ylim=(None, 1))
    next(iter(panels.values())).set(ylabel="genuine pairs missed")
    return _png(figure, panels, "lower left")


def cmc_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """Fraction of masked probes found among the first k people: PNG bytes.

    Up is better.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    for number, embedder in enumerate(embedders):
        if embedder.ranks and embedder.ranks.probes:
            cmc = embedder.ranks.cmc
            ranks = range(1, len(cmc) + 1)
            look = _look(number) | {"marker": "o", "markersize": 3}
            axes.plot(ranks, cmc, label=embedder.name, **look)
    axes.set(xlabel="rank", ylabel="probes found", ylim=(None, 1.01))
    axes.set(xticks=(1, *range(5, CMC_DEPTH + 1, 5)))
    axes.grid(True, alpha=0.3)
    return _png(figure, {"": axes}, "lower right")


def _look(number: int) -> dict[str, Any]:
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _STYLES[number % len(_STYLES)],
        "linewidth": 1.6,
    }


def _curves(
    embedders: Sequence[EmbedderFigures], panels: dict[str, Any]
) -> list[tuple[Any, str, Any, dict[str, Any]]]:
    """(axes, embedder, (101,) TAR, look) of each curve."""
    return [
        (
            panels[kind],
            embedder.name,
            np.array(embedder.sets[kind].curve_tar),
            _look(number),
        )
        for kind in panels
        for number, embedder in enumerate(embedders)
        if kind in embedder.sets
    ]


def _panels(embedders: Sequence[EmbedderFigures]) -> tuple[Any, dict[str, Any]]:
    """A figure and the axes of each set that any embedder has."""
    # Figure without pyplot: no display is needed and no state is left behind.
    from matplotlib.figure import Figure

    kinds = [kind for kind in SETS if any(kind in one.sets for one in embedders)]
    size = (0.8 + 3.4 * len(kinds), 3.6)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for one, kind in zip(axes, kinds, strict=True):
        one.set(xscale="log", xlabel="false accept rate", xlim=(_SMALLEST_FAR, 1))
        one.set(title=kind)
        one.grid(True, which="major", alpha=0.3)
    return figure, dict(zip(kinds, axes, strict=True))


def _png(figure: Any, panels: dict[str, Any], place: str) -> bytes:
    for axes in panels.values():
        if axes.lines:
            axes.legend(fontsize=8, loc=place)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
