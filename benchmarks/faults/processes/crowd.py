"""Kills writers of a gallery of drawn people, and lets four processes share it."""

from __future__ import annotations

from benchmarks.faults.gallery_faults import FaultFigures, measure
from benchmarks.faults.tally import Tally, Trial


def try_crowd(trial: Trial, kills: int, seconds: float) -> tuple[Tally, Tally]:
    """What happened to those who were killed, and to those who worked at once."""
    figures = measure(trial.folder / "gallery", kills, seconds, trial.seed)
    return tallies(figures)


def tallies(figures: FaultFigures) -> tuple[Tally, Tally]:
    """Figures as rows of the table."""
    killed = Tally("kills, writers only", tried=figures.kills)
    for count in ("lost", "undead"):
        for _ in range(getattr(figures, count)):
            killed.fault(count, "a drawn person")
    crowd = Tally("four at once", tried=figures.searches + figures.rebuilds)
    for _ in range(figures.wrong):
        crowd.fault("wrong", "an answer")
    for problem in figures.problems:
        crowd.fault("wrong", f"verify: {problem}")
    for error in figures.errors:
        crowd.fault("tracebacks", error)
    return killed, crowd
