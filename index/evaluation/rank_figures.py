"""Identification figures of masked probes among unmasked templates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.evaluation.set_figures import Chance, Rate
from training.metrics.bootstrap import drawn_means, drawn_tpirs
from training.metrics.identification import FPIR, open_set_searches, ranks, tpir_at_fpir
from training.metrics.pairs import EmbeddedFaces, Float64

CMC_DEPTH = 20


@dataclass(frozen=True, eq=False)
class RankFigures:
    """Identification of masked probes among unmasked templates; higher is better.

    Attributes:
        probes: masked faces that were searched, acquired or not.
        left_out: masked faces whose person has no (other) unmasked photograph.
        gallery_people: people with a template.
        cmc: fraction of probes found among the first 1, 2 .. CMC_DEPTH people.
        rank1: cmc[0] with its interval.
        rank1_gain: rank1 minus that of the first embedder; None for the first.
        tpir: at FPIR, half of the people in the gallery and half outside, then
            the other way round.
        tpir_gain: likewise.
        open_gallery_people: people with a template in the larger half.
        nonmated: probes of people outside, both ways.
    """

    probes: int
    left_out: int
    gallery_people: int
    cmc: tuple[float, ...]
    rank1: Rate
    rank1_gain: Rate | None
    tpir: Rate
    tpir_gain: Rate | None
    open_gallery_people: int
    nonmated: int


@dataclass(frozen=True, eq=False)
class MeasuredRanks:
    """Figures, and the draws that the next embedder is compared with."""

    figures: RankFigures
    rank1: Float64
    tpir: Float64


def measure_ranks(
    probes: EmbeddedFaces,
    references: EmbeddedFaces,
    chance: Chance,
    baseline: MeasuredRanks | None,
) -> MeasuredRanks:
    """Search all probes, closed set and open set.

    Args:
        baseline: the same by the first embedder; None = this is the first.
    """
    found = ranks(probes, references)
    first = (found.ranks <= 1).astype(np.float64)
    rank1 = drawn_means(first, found.people, chance.rounds, chance.rng())
    searches = open_set_searches(probes, references, chance.rng())
    tpir = drawn_tpirs(searches, FPIR, chance.rounds, chance.rng())
    fraction, at_fpir = found.rate(1), tpir_at_fpir(searches)
    gains: list[Rate | None] = [None, None]
    if baseline:
        before = baseline.figures
        gains = [
            Rate.drawn(fraction - before.rank1.value, rank1 - baseline.rank1),
            Rate.drawn(at_fpir - before.tpir.value, tpir - baseline.tpir),
        ]
    figures = RankFigures(
        probes=len(found.ranks),
        left_out=found.left_out,
        gallery_people=found.gallery_people,
        cmc=tuple(found.cmc(CMC_DEPTH)),
        rank1=Rate.drawn(fraction, rank1),
        rank1_gain=gains[0],
        tpir=Rate.drawn(at_fpir, tpir),
        tpir_gain=gains[1],
        open_gallery_people=max(search.gallery_people for search in searches),
        nonmated=sum(len(search.outside) for search in searches),
    )
    return MeasuredRanks(figures, rank1, tpir)
