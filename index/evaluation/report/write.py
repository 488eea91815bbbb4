"""Writes what an evaluation measured: as text, as one HTML page, as JSON and plots."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from index.evaluation.by_property import BINS
from index.evaluation.figures import SETS, EmbedderFigures, EvaluateReport, MaskFigures
from index.evaluation.report.pictures import report_plots, write_private
from index.evaluation.set_figures import FARS, SetFigures
from index.evaluation.stage import Evaluation
from masking.files.text import aligned
from masking.files.writing import private_folder, strict_json, write_bytes
from training.metrics.bootstrap import Rate
from training.metrics.identification import FPIR

REFERENCE_MEANS = (
    '"NAME, masked reference" compares masked faces as galleries do: with the mean of '
    "an unmasked face's two embeddings, as it is and under a synthetic mask."
)
_TARS = ("TAR@1e-2", "TAR@1e-3", "TAR@1e-4")
_HEAD = ("set", "embedder", "AUC", "EER", *_TARS, "accuracy", "FAR*")
_GROUP_TARS = ("M-U TAR@1e-3", "M-M TAR@1e-3")
_GROUP_HEAD = ("masks", "faces", "lost", "embedder", *_GROUP_TARS, "rank-1")
TEMPLATE = Path(__file__).with_name("evaluation.html.jinja")
_FAR_NAMES = ("1%", "0.1%", "0.01%")
SUMMARY_ROWS = 13
REPORT, PAGE, TABLE = "report.json", "report.html", "table.txt"


def report_table(report: EvaluateReport) -> str:
    """The main figures, 95% intervals in brackets."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for kind in SETS:
        for figures in report.embedders:
            if kind in figures.sets:
                rows.append(_set_row(kind, figures.name, figures.sets[kind]))
    lines = [*_about(report), "", *aligned(rows), "", *_rank_lines(report)]
    lines.append("* false accept rate at the U-U threshold for 1e-2")
    if report.config.masked_references:
        lines.append(REFERENCE_MEANS)
    groups = _group_rows(report)
    if groups:
        lines += ["", *aligned([_GROUP_HEAD, *groups])]
    return "\n".join([*lines, *property_tables(report)])


def property_tables(report: EvaluateReport) -> list[str]:
    """Lines of a table for each property of `by_property`; none without."""
    under = "M-C" if report.config.masked_references else "M-U"
    lines = []
    for name, bins in report.by_property.items():
        head = (BINS[name][0], "masked", "lost", "eyes off", "U-U", under, "rank 1")
        rows = [
            (
                one.name.replace("_", " "),
                str(one.faces),
                str(one.failed),
                *map(rate_text, (Rate(one.eye_error), one.uu, one.mu, one.rank1)),
            )
            for one in bins
        ]
        lines += ["", *aligned([head, *rows])]
    if lines:
        lines.append(
            f"{report.by_network}: TAR of each bin's probes at one threshold for all, "
            "which FAR 0.1% gives"
        )
    return lines


def report_summary(report: EvaluateReport) -> str:
    """What a terminal shows: a line a set and network, the gain over the first one.

    At most SUMMARY_ROWS lines of figures; `report_table` has them all.
    """
    first = report.embedders[0].name
    head = ("set", "network", "TAR at FAR 0.1%", f"gain over {first}", "at FAR 1%")
    rows = [
        (
            kind,
            one.name,
            rate_text(one.sets[kind].tar[1]),
            _gain(one.sets[kind].gain[1]) if one.sets[kind].gain else "",
            rate_text(Rate(one.sets[kind].tar[0].value)),
        )
        for kind in SETS
        for one in report.embedders
        if kind in one.sets
    ]
    rows += [
        (
            "rank 1",
            one.name,
            rate_text(one.ranks.rank1),
            _gain(one.ranks.rank1_gain) if one.ranks.rank1_gain else "",
            "",
        )
        for one in report.embedders
        if one.ranks and one.ranks.probes
    ]
    failed = f"{report.unmasked.failed} unmasked and {report.masked.failed} masked"
    lines = [_about(report)[0], f"not acquired: {failed} faces"]
    lines += ["", *aligned([head, *rows[:SUMMARY_ROWS]])]
    if len(rows) > SUMMARY_ROWS:
        lines.append(f"and {len(rows) - SUMMARY_ROWS} more lines in the report")
    return "\n".join(lines)


def rate_text(rate: Rate) -> str:
    """Three decimals, with the interval where there is one; "-" for no figure."""
    if math.isnan(rate.value):
        return "-"
    if math.isnan(rate.low):
        return f"{rate.value:.3f}"
    return f"{rate.value:.3f} [{rate.low:.3f} {rate.high:.3f}]"


def groups_shown(
    report: EvaluateReport, sort: str, name: str
) -> list[tuple[str, MaskFigures]]:
    """Each embedder's name and its figures of a group of masks.

    Those without any figure are left out, but for the first: its row counts the faces.

    Args:
        sort: "by_mask" or "by_novelty".
    """
    found = [(one.name, getattr(one, sort)[name]) for one in report.embedders]
    return [
        (network, group)
        for place, (network, group) in enumerate(found)
        if place == 0 or group.sets or (group.ranks and group.ranks.probes)
    ]


def _about(report: EvaluateReport) -> list[str]:
    how = "rendered" if report.rendered else "real"
    lines = [
        f"{report.photos} photographs of {report.people} people: "
        f"{report.unmasked.faces} unmasked faces, {report.masked.faces} masked ({how})"
    ]
    for name, group in (("unmasked", report.unmasked), ("masked", report.masked)):
        stages = ", ".join(
            f"{stage} {count}" for stage, count in group.detectors.items() if stage
        )
        lines.append(
            f"{name}: {group.failed} of {group.faces} not acquired "
            f"(found by {stages or 'none'})"
        )
    if report.listed:
        lines.append(f"{report.listed.pairs} listed pairs, all of the same weight")
    if report.sampled:
        lines.append(
            f"more pairs than --max-pairs {report.config.max_pairs}: a sample was "
            "compared"
        )
    return lines


def _set_row(kind: str, name: str, figures: SetFigures) -> tuple[str, ...]:
    at_plain = f"{figures.far_at_plain[0].value:.3f}" if figures.far_at_plain else "-"
    return (
        kind,
        name,
        f"{figures.auc.value:.4f}",
        f"{figures.eer.value:.3f}",
        *(rate_text(tar) for tar in figures.tar[:2]),
        rate_text(Rate(figures.tar[2].value)),
        rate_text(Rate(figures.pair_accuracy.value)),
        at_plain,
    )


def _rank_lines(report: EvaluateReport) -> list[str]:
    lines = []
    for figures in report.embedders:
        found = figures.ranks
        if not found or not found.probes:
            continue
        lines.append(
            f"rank-1 {figures.name}: {rate_text(found.rank1)}, "
            f"rank-5 {found.cmc[4]:.3f} ({found.probes} masked probes in "
            f"{found.gallery_people} people, {found.left_out} left out: no other "
            "unmasked photograph); "
            f"TPIR at FPIR {FPIR:.0%} {rate_text(found.tpir)} (half of the people "
            "enrolled)"
        )
    return lines


def _group_rows(report: EvaluateReport) -> list[tuple[str, ...]]:
    """Seen and unseen kinds together, then each kind."""
    names = [("by_novelty", name) for name in report.novelty]
    if len(report.masks) > 1:
        names += [("by_mask", name) for name in report.masks]
    return [
        _group_row(name, network, group)
        for sort, name in names
        for network, group in groups_shown(report, sort, name)
    ]


def _group_row(name: str, network: str, group: MaskFigures) -> tuple[str, ...]:
    tars = [
        rate_text(group.sets[kind].tar[1]) if kind in group.sets else "-"
        for kind in ("M-U", "M-M")
    ]
    rank1 = rate_text(group.ranks.rank1) if group.ranks else "-"
    return (name, str(group.faces), str(group.failed), network, *tars, rank1)


def report_html(report: EvaluateReport, plots: Mapping[str, bytes]) -> str:
    """The page, with the plots inside. Names and labels are escaped.

    Args:
        plots: see `pictures.report_plots`.
    """
    embedders = report.embedders
    page: str = _template().render(
        report=report,
        sets=_sets_of(embedders),
        gained=_sets_of(embedders[1:]),
        reference_means=REFERENCE_MEANS,
        groups_shown=groups_shown,
        fars=list(zip(FARS, _FAR_NAMES, strict=True)),
        fpir=f"{FPIR:.0%}",
        identified=[one for one in embedders if one.ranks and one.ranks.probes],
        property_lines=property_tables(report),
        plots={name: _data_uri(png) for name, png in plots.items()},
    )
    return page


@cache
def _template() -> Any:
    """Compiled once: that takes longer than to fill it."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"rate": _value, "interval": _interval, "gain": _gain}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


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


@dataclass(frozen=True)
class ReportFolders:
    """Where the results go.

    Attributes:
        report: figures and plots, nothing about one person.
        private: pictures of the worst errors, with names.
    """

    report: Path
    private: Path

    def make(self) -> None:
        """Make them before hours of work, which a full disk would lose.

        Raises:
            OSError: one cannot be made.
        """
        private_folder(self.private)
        self.report.mkdir(parents=True, exist_ok=True)


def write(evaluation: Evaluation, folders: ReportFolders) -> None:
    """Write the figures, and the pictures of the worst errors."""
    write_report(evaluation.report, folders.report)
    write_private(folders.private, evaluation.errors)


def write_report(report: EvaluateReport, out: Path) -> None:
    """Write JSON, page, table and plots into the folder `out`."""
    record = strict_json(report.to_json(), indent=1)
    write_bytes(out / REPORT, record.encode())
    plots = report_plots(report.embedders)
    write_bytes(out / PAGE, report_html(report, plots).encode("utf-8", "replace"))
    table = report_table(report) + "\n"
    write_bytes(out / TABLE, table.encode("utf-8", "backslashreplace"))
    for name, png in plots.items():
        write_bytes(out / name, png)


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
