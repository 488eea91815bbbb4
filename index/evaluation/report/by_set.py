"""A line for each test set or group of people, and how far they lie apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from index.evaluation.figures import EmbedderFigures, EvaluateReport
from masking.files.shown_text import aligned

_AT_1_PERCENT = 0
_Figure = Callable[[EmbedderFigures], float]


def _tar(kind: str) -> _Figure:
    def figure(one: EmbedderFigures) -> float:
        return one.sets[kind].tar[_AT_1_PERCENT].value if kind in one.sets else math.nan

    return figure


def _rank1(one: EmbedderFigures) -> float:
    return one.ranks.rank1.value if one.ranks and one.ranks.probes else math.nan


_FIGURES: dict[str, _Figure] = {
    "U-U": _tar("U-U"),
    "M-U": _tar("M-U"),
    "M-M": _tar("M-M"),
    "rank 1": _rank1,
}


def by_set(reports: Sequence[EvaluateReport]) -> list[str]:
    """Figures of the last network, and of the first in brackets; the worst comes last.

    TAR at FAR 1%. Masked faces are compared with masked references where the report
    has them, as galleries compare.
    """
    first, last = (reports[0].embedders[place].name for place in (0, -1))
    values = [
        {name: _both(report, figure) for name, figure in _FIGURES.items()}
        for report in reports
    ]
    rows = [("set", "people", *_FIGURES)]
    for report, found in zip(reports, values, strict=True):
        shown = [_text(*found[name]) for name in _FIGURES]
        rows.append((report.collection, str(report.people), *shown))
    own = {name: _known(found[name][0] for found in values) for name in _FIGURES}
    worst = [min(found, default=math.nan) for found in own.values()]
    gaps = [max(found) - min(found) if found else math.nan for found in own.values()]
    rows.append(("worst", "", *(_text(value) for value in worst)))
    rows.append(("best - worst", "", *(_text(value) for value in gaps)))
    head = f"{last} ({first}), TAR at FAR 1% and rank 1"
    return [head, *aligned(rows)]


def _both(report: EvaluateReport, figure: _Figure) -> tuple[float, float]:
    """Of the last network and of the first, by masked references where they are."""
    found = [
        [
            value
            for one in report.embedders
            if one.fingerprint == report.embedders[place].fingerprint
            and not math.isnan(value := figure(one))
        ]
        for place in (-1, 0)
    ]
    own, other = (values[-1] if values else math.nan for values in found)
    return own, other


def _known(values: Iterable[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _text(own: float, other: float = math.nan) -> str:
    if math.isnan(own):
        return "-"
    return f"{own:.3f}" if math.isnan(other) else f"{own:.3f} ({other:.3f})"
