"""The result of an evaluation as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from index.evaluation.figures import SETS, EmbedderFigures
from index.evaluation.record import EvaluateReport
from index.evaluation.set_figures import FARS, Rate
from index.report.table import COVERED_MEANS, groups_shown
from training.metrics.identification import FPIR

TEMPLATE = Path(__file__).with_name("evaluation.html.jinja")
_FAR_NAMES = ("1%", "0.1%", "0.01%")


def report_html(report: EvaluateReport, plots: Mapping[str, bytes]) -> str:
    """The page, with the plots inside. Names and labels are escaped.

    Args:
        plots: see `evaluate_plots.report_plots`.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"rate": _value, "interval": _interval, "gain": _gain}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    embedders = report.embedders
    return template.render(
        report=report,
        sets=_sets_of(embedders),
        gained=_sets_of(embedders[1:]),
        covered_means=COVERED_MEANS,
        groups_shown=groups_shown,
        fars=list(zip(FARS, _FAR_NAMES, strict=True)),
        fpir=f"{FPIR:.0%}",
        identified=[one for one in embedders if one.ranks and one.ranks.probes],
        plots={name: _data_uri(png) for name, png in plots.items()},
    )


def _sets_of(embedders: Sequence[EmbedderFigures]) -> list[str]:
    """The sets that any of them has."""
    return [kind for kind in SETS if any(kind in one.sets for one in embedders)]


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _value(value: float, digits: int = 3) -> str:
    """A rate; a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _interval(rate: Rate, digits: int = 3) -> str:
    """Its 95% interval; empty where there is none."""
    if math.isnan(rate.low):
        return ""
    return f"[{rate.low:.{digits}f}, {rate.high:.{digits}f}]"


def _gain(rate: Rate) -> str:
    """A difference with its sign."""
    if math.isnan(rate.value):
        return "-"
    bounds = "" if math.isnan(rate.low) else f" [{rate.low:+.3f}, {rate.high:+.3f}]"
    return f"{rate.value:+.3f}{bounds}"
