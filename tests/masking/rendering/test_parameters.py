"""Specs as numbers: each one's own, however many come together."""

from dataclasses import replace

import numpy as np
import pytest

from masking.masks.spec import KINDS, OCCLUDERS, SpecConfig, draw_all
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import NOWHERE, PARTS, parameters, print_turn
from tests.fakes.rendered import spec_of

ARRAYS = NumpyArrays()


def test_the_numbers_of_a_spec_do_not_depend_on_the_others():
    config = SpecConfig(KINDS, wrongly_worn=3.0, occluded=1.0)
    drawn = draw_all(0, [str(number) for number in range(40)], config)
    specs = [spec for both in drawn for spec in both]
    assert {spec.kind for spec in specs} == {*KINDS, *OCCLUDERS}
    together = parameters(ARRAYS, specs)
    for row, spec in enumerate(specs):
        alone = parameters(ARRAYS, [spec])
        for name, values in vars(alone).items():
            if isinstance(values, np.ndarray) and name != "segments":
                np.testing.assert_array_equal(values[0], vars(together)[name][row])
        count = alone.segments.shape[1]
        np.testing.assert_array_equal(together.segments[row, :count], alone.segments[0])
        # What others have more of is not there.
        absent = np.array(NOWHERE, np.float32)
        assert (together.segments[row, count:] == absent).all()


def test_what_a_kind_decides():
    kinds = ["surgical", "shield", "hand", "cap"]
    mask = parameters(ARRAYS, [spec_of(kind, 0) for kind in kinds])
    assert [PARTS[int(part)] for part in mask.part] == [
        "fabric",
        "visor",
        "occluder",
        "occluder",
    ]
    assert mask.limbs.tolist() == mask.skin.tolist() == [0, 0, 1, 0]
    assert mask.rim.tolist() == pytest.approx([0, 0.35, 0, 0])
    assert mask.behind.tolist() == pytest.approx([0, 0, 0, 0.45])
    # Straps of a side are together; only the hand has pieces of the middle, six.
    assert mask.sides == [[-1, 0], [-1, 0], [0, 1], [0, 1], [0], [0]]


def test_a_larger_hand_has_larger_nails_and_a_wider_mask_the_same_pleats():
    for kind, scale in (("hand", 0.8), ("surgical", 1.0)):
        mask = parameters(ARRAYS, [replace(spec_of(kind, 0), widen=0.25)])
        assert mask.scale.tolist() == pytest.approx([scale])


def test_what_is_printed_to_be_read_is_neither_mirrored_nor_upside_down():
    seeds = (22, 23)
    for kind, sides in (("surgical", [-1, 1]), ("ffp2", [1, 1]), ("kn95", [1, 1])):
        mask = parameters(ARRAYS, [replace(spec_of(kind, 0), seed=s) for s in seeds])
        assert mask.side.tolist() == sides, kind
    for turn in (0.0, 1.0, 3.1):
        spec = replace(spec_of("cloth", 0), print_name="words", print_rad=turn)
        cosine, sine = print_turn(spec)
        assert np.degrees(np.arctan2(sine, cosine)) == pytest.approx(
            np.degrees(0.15 * (turn - np.pi / 2)), abs=1e-3
        )


def test_foam_masks_have_wide_loops_and_few_creases():
    cloth = replace(spec_of("cloth", 0), wrinkle=0.5)
    foam, sewn = (replace(cloth, seed=11 * form) for form in (3, 1))
    mask = parameters(ARRAYS, [foam, sewn])
    half = mask.segments[:, 0, 4]
    assert half[0] == pytest.approx(3 * half[1])
    assert mask.crease[0] < mask.crease[1] / 5
