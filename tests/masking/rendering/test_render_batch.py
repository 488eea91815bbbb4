"""The batched renderers and the one for files render the same masks."""

from dataclasses import replace

import numpy as np
import pytest

from masking.masks.spec import (
    KINDS,
    OCCLUDERS,
    WEARING_STYLES,
)
from tests.fakes.rendered import assert_alike, faces, rendered, spec_of


@pytest.mark.parametrize("kind", KINDS + OCCLUDERS)
def test_both_back_ends_render_alike(renderer, kind):
    assert_alike(renderer, [(spec_of(kind, number),) for number in range(5)])


@pytest.mark.parametrize("wearing_style", WEARING_STYLES)
def test_both_render_every_wear_alike(renderer, wearing_style):
    kinds = ("surgical", "ffp2", "cloth", "duckbill", "gaiter")
    specs = [
        (replace(spec_of(kind, 9), wearing_style=wearing_style),) for kind in kinds
    ]
    assert_alike(renderer, specs)


def test_layers_lie_over_each_other(renderer):
    kinds = ("surgical", "cloth", "kn95", "ffp2", "gaiter")
    pairs = zip(kinds, OCCLUDERS, strict=True)
    specs = [(spec_of(mask, 1), spec_of(other, 1)) for mask, other in pairs]
    assert_alike(renderer, specs)


def test_a_batch_may_hold_unmasked_faces(renderer):
    chips, marks, looks = faces(3)
    specs = [(), (spec_of("cloth", 0),), ()]
    batch = rendered(renderer, chips, marks, looks, specs)
    for row in (0, 2):
        np.testing.assert_array_equal(batch.chips[row].permute(1, 2, 0), chips[row])
        assert batch.maps.alpha[row].max() == 0
    assert batch.maps.alpha[1].max() == 1
    nothing = rendered(renderer, chips, marks, looks, [(), (), ()])
    assert nothing.maps.alpha.max() == 0
    points = np.stack([m.points for m in marks])
    alone = renderer(nothing.chips, points, specs, looks)
    assert alone.maps is None
    np.testing.assert_array_equal(alone.chips, batch.chips)


def test_a_face_is_rendered_the_same_in_any_batch(renderer):
    chips, marks, looks = faces(6)
    specs = [(spec_of(kind, 3),) for kind in KINDS[:6]]
    whole = rendered(renderer, chips, marks, looks, specs)
    for row in (0, 3, 5):
        one = slice(row, row + 1)
        alone = rendered(renderer, chips[one], marks[one], looks[one], specs[one])
        difference = (alone.chips[0].int() - whole.chips[row].int()).abs()
        assert difference.max() <= 2
        assert difference.float().mean() < 0.01
