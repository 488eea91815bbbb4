"""What the plots show: curves where there are figures, and no others."""

import dataclasses

import numpy as np
import pytest

from index.evaluation.figures import MaskTest, embedder_figures, measure_embedder
from index.evaluation.protocol import AllPairs
from index.evaluation.report.pictures import report_plots
from index.evaluation.set_figures import Chance
from masking.datasets.images import decode_rgb
from training.metrics.pairs import PairBudget
from training.metrics.score_normalization import EmbeddedFaces


@pytest.fixture(scope="module")
def figures():
    """Forty faces of ten people, half of them masked and further from the rest."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(10, dtype=np.int32), 4)
    masks = np.tile(["no-mask", "no-mask", "cloth", "cloth"], 10)
    spread = np.where(masks == "cloth", 0.8, 0.3)[:, None]
    rows = rng.normal(size=(10, 4))[people] + spread * rng.normal(size=(40, 4))
    faces = EmbeddedFaces(
        rows.astype(np.float32), people, np.arange(40, dtype=np.int32)
    )
    pairing = AllPairs(faces, faces, PairBudget(10_000, seed=0))
    test = MaskTest(masks, None, True, Chance(0, 0))
    return embedder_figures("one", "f" * 64, measure_embedder(pairing, test, None))


@pytest.fixture(scope="module")
def alone(figures):
    """The plots of one embedder: drawing takes seconds."""
    return report_plots([figures])


def coloured(png):
    """How much of a plot has a colour: the curves from the second embedder on."""
    pixels = decode_rgb(png, "plot").astype(int)
    return (np.ptp(pixels, axis=2) > 60).sum()


def test_every_embedder_has_a_curve_in_every_plot(figures, alone):
    other = dataclasses.replace(figures, name="other")
    both = report_plots([figures, other])
    assert list(both) == ["roc.png", "det.png", "cmc.png"]
    for name, png in both.items():
        assert coloured(alone[name]) == 0
        assert coloured(png) > 500


def test_a_set_without_pairs_has_no_panel(figures, alone):
    fewer = dataclasses.replace(figures, ranks=None)
    fewer = dataclasses.replace(fewer, sets={"M-U": figures.sets["M-U"]})
    plots = report_plots([fewer])
    assert list(plots) == ["roc.png", "det.png"]
    wide = decode_rgb(alone["roc.png"], "plot").shape[1]
    assert decode_rgb(plots["roc.png"], "plot").shape[1] < wide / 2


def test_an_embedder_with_references_is_drawn_where_it_has_figures(figures, alone):
    referred = dataclasses.replace(figures, name="one, masked reference")
    referred = dataclasses.replace(referred, sets={"M-U": figures.sets["M-U"]})
    both = report_plots([figures, referred])
    for name, png in both.items():
        assert coloured(png) > 100
        # No panels beyond those of the three sets.
        assert decode_rgb(png, name).shape == decode_rgb(alone[name], name).shape
    middle = decode_rgb(both["roc.png"], "roc.png")
    third = middle.shape[1] // 3
    left, right = middle[:, :third].astype(int), middle[:, -third:].astype(int)
    assert (np.ptp(left, axis=2) > 60).sum() == (np.ptp(right, axis=2) > 60).sum() == 0
