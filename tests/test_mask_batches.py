"""The batched painters and the one for files paint the same masks."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from drawn_faces import drawn_face

from masking.masks.spec import (
    KINDS,
    OCCLUDERS,
    WEARS,
    SpecConfig,
    draw_occluder,
    draw_specs,
    sample_rng,
)
from masking.rendering.render import photo_look, render
from masking.rendering.render_batch import BatchPainter

SIDE_PX = 150


@pytest.fixture(scope="module", params=["apart", "together"])
def painter(request):
    return BatchPainter("cpu", apart=request.param == "apart")


def spec_of(kind, number):
    rng = sample_rng(number, kind)
    if kind in OCCLUDERS:
        return draw_occluder(rng, kind)
    return draw_specs(rng, SpecConfig((kind,)))[0]


def faces(count):
    """Drawn faces of several sizes and light: chips, landmarks and looks."""
    drawn = [drawn_face(SIDE_PX, 0.5 + 0.03 * number) for number in range(count)]
    chips = [
        np.clip(p * (0.6 + 0.1 * n), 0, 255).astype(np.uint8)
        for n, (p, _) in enumerate(drawn)
    ]
    marks = [landmarks for _, landmarks in drawn]
    looks = [photo_look(*pair) for pair in zip(chips, marks, strict=True)]
    return chips, marks, looks


def paint(painter, chips, marks, looks, specs, device="cpu"):
    batch = torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).to(device)
    points = np.stack([m.points for m in marks])
    return painter(batch, points, specs, looks, with_maps=True)


def assert_alike(painter, specs, device="cpu"):
    chips, marks, looks = faces(len(specs))
    batch = paint(painter, chips, marks, looks, specs, device)
    assert batch.chips.dtype == torch.uint8
    for row, worn in enumerate(specs):
        sample = render(chips[row], marks[row], worn, looks[row])
        alpha = batch.maps.alpha[row].cpu().numpy()
        # Away from edges, where half a pixel matters.
        flat = (cv2.Laplacian(sample.alpha, cv2.CV_32F) == 0) & (sample.alpha > 0)
        found = batch.chips[row].permute(1, 2, 0).cpu().numpy().astype(int)
        error = np.abs(found - sample.pixels)
        assert flat.sum() > 300
        assert error[flat].mean(axis=0).max() < 2
        assert error.mean() < 0.5
        assert np.abs(alpha - sample.alpha).mean() < 0.005
        assert (batch.maps.parts[row].cpu().numpy() == sample.parts).mean() > 0.99
        # And something was painted.
        assert np.abs(found - chips[row]).max() > 20


@pytest.mark.parametrize("kind", KINDS + OCCLUDERS)
def test_both_back_ends_paint_alike(painter, kind):
    assert_alike(painter, [(spec_of(kind, number),) for number in range(5)])


@pytest.mark.parametrize("wear", WEARS)
def test_both_paint_every_wear_alike(painter, wear):
    kinds = ("surgical", "ffp2", "cloth", "duckbill", "gaiter")
    specs = [(replace(spec_of(kind, 9), wear=wear),) for kind in kinds]
    assert_alike(painter, specs)


def test_layers_lie_over_each_other(painter):
    kinds = ("surgical", "cloth", "kn95", "ffp2", "gaiter")
    pairs = zip(kinds, OCCLUDERS, strict=True)
    specs = [(spec_of(mask, 1), spec_of(other, 1)) for mask, other in pairs]
    assert_alike(painter, specs)


def test_a_batch_may_hold_bare_faces(painter):
    chips, marks, looks = faces(3)
    specs = [(), (spec_of("cloth", 0),), ()]
    batch = paint(painter, chips, marks, looks, specs)
    for row in (0, 2):
        np.testing.assert_array_equal(batch.chips[row].permute(1, 2, 0), chips[row])
        assert batch.maps.alpha[row].max() == 0
    assert batch.maps.alpha[1].max() == 1
    nothing = paint(painter, chips, marks, looks, [(), (), ()])
    assert nothing.maps.alpha.max() == 0
    points = np.stack([m.points for m in marks])
    alone = painter(nothing.chips, points, specs, looks)
    assert alone.maps is None
    np.testing.assert_array_equal(alone.chips, batch.chips)


def test_a_face_is_painted_the_same_in_any_batch(painter):
    chips, marks, looks = faces(6)
    specs = [(spec_of(kind, 3),) for kind in KINDS[:6]]
    whole = paint(painter, chips, marks, looks, specs)
    for row in (0, 3, 5):
        one = slice(row, row + 1)
        alone = paint(painter, chips[one], marks[one], looks[one], specs[one])
        difference = (alone.chips[0].int() - whole.chips[row].int()).abs()
        assert difference.max() <= 2
        assert difference.float().mean() < 0.01
