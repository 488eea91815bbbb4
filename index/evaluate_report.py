"""The result of an evaluation as a text table and as JSON."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from index.evaluate_config import EvaluateConfig
from index.evaluate_figures import CURVE_FARS, FARS, SETS, EmbedderFigures, SetFigures

FORMAT_VERSION = 1
_HEAD = ("set", "embedder", "AUC", "EER", "TAR@1e-2", "TAR@1e-3", "accuracy", "FAR*")


@dataclass(frozen=True)
class Acquisition:
    """How the faces of the unmasked or of the masked photographs were found.

    Attributes:
        faces: how many were looked for.
        detectors: how many each stage found; "" = failures to acquire.
    """

    faces: int
    detectors: dict[str, int]

    @property
    def failed(self) -> int:
        """Failures to acquire."""
        return self.detectors.get("", 0)


def acquisition(detectors: list[str]) -> Acquisition:
    """Count the stages that found the faces of one group."""
    return Acquisition(len(detectors), dict(sorted(Counter(detectors).items())))


@dataclass(frozen=True, eq=False)
class EvaluateReport:
    """Everything that an evaluation found out.

    Attributes:
        photos, people: in the collection.
        painted: masks were painted by the tool; otherwise labels told them.
        unmasked, masked: how faces were found.
        masks: how many faces wear each kind of mask.
        failures: name of each photograph with a face not acquired, and reasons.
        embedders: figures, in the order given.
    """

    photos: int
    people: int
    painted: bool
    unmasked: Acquisition
    masked: Acquisition
    masks: dict[str, int]
    failures: dict[str, list[str]]
    embedders: tuple[EmbedderFigures, ...]
    config: EvaluateConfig

    def to_json(self) -> dict[str, Any]:
        """JSON-able record; figures that do not exist are null."""
        record = {"format_version": FORMAT_VERSION, **asdict(self)}
        record["fars"] = list(FARS)
        record["curve_fars"] = CURVE_FARS.tolist()
        return {key: _without_nan(value) for key, value in record.items()}

    def table(self) -> str:
        """The figures for a terminal, 95% intervals in brackets."""
        rows: list[tuple[str, ...]] = [_HEAD]
        for kind in SETS:
            for figures in self.embedders:
                if kind in figures.sets:
                    rows.append(_set_row(kind, figures.name, figures.sets[kind]))
        lines = [*_about(self), "", *_aligned(rows), "", *_rank_lines(self)]
        lines.append("* false accept rate at the U-U threshold for 1e-2")
        return "\n".join(lines)


def _about(report: EvaluateReport) -> list[str]:
    how = "painted" if report.painted else "real"
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
    return lines


def _set_row(kind: str, name: str, figures: SetFigures) -> tuple[str, ...]:
    tars = [
        _with_interval(tar, figures.tar_intervals[number : number + 1])
        for number, tar in enumerate(figures.tar[:2])
    ]
    at_plain = f"{figures.far_at_plain[0]:.3f}" if figures.far_at_plain else "-"
    return (
        kind,
        name,
        f"{figures.auc:.4f}",
        f"{figures.eer:.3f}",
        *tars,
        f"{figures.pair_accuracy:.3f}",
        at_plain,
    )


def _rank_lines(report: EvaluateReport) -> list[str]:
    lines = []
    for figures in report.embedders:
        found = figures.ranks
        if not found.probes:
            continue
        rank1 = _with_interval(found.cmc[0], (found.rank1_interval,))
        lines.append(
            f"rank-1 {figures.name}: {rank1}, rank-5 {found.cmc[4]:.3f} "
            f"({found.probes} masked probes in {found.gallery_people} people, "
            f"{found.left_out} left out: no other unmasked photograph)"
        )
    return lines


def _with_interval(value: float, interval: tuple[tuple[float, float], ...]) -> str:
    if not interval or math.isnan(interval[0][0]):
        return f"{value:.3f}"
    low, high = interval[0]
    return f"{value:.3f} [{low:.3f} {high:.3f}]"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
