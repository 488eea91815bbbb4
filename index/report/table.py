"""The result of an evaluation as text for a terminal."""

from __future__ import annotations

import math

from index.evaluation.figures import SETS, MaskFigures
from index.evaluation.record import EvaluateReport
from index.evaluation.set_figures import Rate, SetFigures
from training.metrics.identification import FPIR

COVERED_MEANS = (
    '"NAME, covered" compares masked faces as galleries do: with the mean of an '
    "unmasked face's two embeddings, as it is and under a synthetic mask."
)
_TARS = ("TAR@1e-2", "TAR@1e-3", "TAR@1e-4")
_HEAD = ("set", "embedder", "AUC", "EER", *_TARS, "accuracy", "FAR*")
_GROUP_TARS = ("M-U TAR@1e-3", "M-M TAR@1e-3")
_GROUP_HEAD = ("masks", "faces", "lost", "embedder", *_GROUP_TARS, "rank-1")


def report_table(report: EvaluateReport) -> str:
    """The main figures, 95% intervals in brackets."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for kind in SETS:
        for figures in report.embedders:
            if kind in figures.sets:
                rows.append(_set_row(kind, figures.name, figures.sets[kind]))
    lines = [*_about(report), "", *_aligned(rows), "", *_rank_lines(report)]
    lines.append("* false accept rate at the U-U threshold for 1e-2")
    if report.config.covered:
        lines.append(COVERED_MEANS)
    groups = _group_rows(report)
    if groups:
        lines += ["", *_aligned([_GROUP_HEAD, *groups])]
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


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
