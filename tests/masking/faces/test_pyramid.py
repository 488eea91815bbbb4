"""Pyramids, tiles and quarter turns, and the way back to the picture."""

import numpy as np
import pytest

from masking.faces.pyramid import levels, quarters_back, tiles


@pytest.mark.parametrize("side", [1, 200, 736, 737, 1000, 2700, 8050])
def test_tiles_cover_a_side_and_share_enough_for_a_face(side):
    pieces = list(tiles(side))
    assert all(start >= 0 and length <= 640 + 96 for start, length in pieces)
    ends = [start + length for start, length in pieces]
    assert pieces[0][0] == 0 and ends[-1] >= side
    shared = [end - start for end, (start, _) in zip(ends, pieces[1:], strict=False)]
    assert all(one >= 96 for one in shared)
    assert len(pieces) == max(1, int(np.ceil((side - 96) / 544)))


def test_levels_of_the_pyramid():
    # .45 of 12 megapixels are .671 of the side; then quarters, with 16 px of border.
    sizes = [
        level.shape[:2] for level, _ in levels(np.zeros((3000, 4000, 3), np.uint8))
    ]
    assert sizes == [
        (2012, 2683),
        (503 + 32, 671 + 32),
        (126 + 32, 168 + 32),
        (32 + 32, 42 + 32),
    ]
    # Small pictures are read whole.
    sizes = [level.shape[:2] for level, _ in levels(np.zeros((100, 120, 3), np.uint8))]
    assert sizes == [(100, 120)]
    level, back = list(levels(np.zeros((400, 800, 3), np.uint8)))[1]
    # The first pixel behind the border is the mean of the first 4 x 4.
    assert level.shape == (132, 232, 3)
    np.testing.assert_allclose(back @ [16, 16, 1], [1.5, 1.5])


@pytest.mark.parametrize("quarters", range(4))
def test_quarter_turns_lead_back(quarters):
    picture = np.arange(2 * 5, dtype=np.uint8).reshape(2, 5)
    turned = np.rot90(picture, quarters)
    back = quarters_back(turned, quarters)
    for y, x in np.ndindex(turned.shape):
        there = back @ [x, y, 1]
        assert picture[int(there[1]), int(there[0])] == turned[y, x]
