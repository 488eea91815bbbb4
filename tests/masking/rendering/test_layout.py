"""Maps over a grid are spread to pixels, and boxes hold what is rendered."""

from dataclasses import replace

import numpy as np
import pytest

from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.layout import Layout, spread, strap_box, touched, within
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.render import render
from masking.rendering.torch_backend import TorchArrays
from masking.rendering.warp import grid_places
from tests.fakes.drawn_faces import drawn_face


def layout_of(depth, straps=None):
    """A layout whose only map is `depth` over a grid from (10, 20) px on."""
    rows = np.linspace(20, 20 + 4 * (depth.shape[1] - 1), depth.shape[1])
    columns = np.linspace(10, 10 + 4 * (depth.shape[2] - 1), depth.shape[2])
    groups = [] if straps is None else [[0]]
    maps = dict.fromkeys(("x", "y", "u", "v", "depth", "edge"), depth)
    return Layout(
        columns.astype(np.float32),
        rows.astype(np.float32),
        **maps,
        straps=[] if straps is None else [straps],
        groups=groups,
        segments=(depth,) * 7,
    )


@pytest.mark.parametrize("arrays", [NumpyArrays(), TorchArrays("cpu")])
def test_a_linear_map_is_spread_exactly(arrays):
    rows, columns = np.mgrid[0:5, 0:7].astype(np.float32)
    plane = (3 * columns + 2 * rows)[None]
    layout = layout_of(plane)
    box = slice(22, 30), slice(11, 25)
    maps = arrays.array(plane), arrays.array(-plane)
    found, other = map(np.asarray, spread(arrays, maps, layout, box))
    np.testing.assert_array_equal(other, -found)
    y, x = np.mgrid[22:30, 11:25]
    expected = 3 * (x - 10) / 4 + 2 * (y - 20) / 4
    # OpenCV rounds places to a thirty-second of a node.
    np.testing.assert_allclose(found[0], expected, atol=0.08)


def test_the_box_holds_all_that_is_reached():
    depth = np.full((1, 9, 9), -1.0, np.float32)
    depth[0, 4, 5] = 0.5
    rows, columns = touched(NumpyArrays(), layout_of(depth), 0.0, 100.0)
    # One node to each side of row 4 (36 px) and column 5 (30 px).
    assert (rows.start, rows.stop) == (32, 41)
    assert (columns.start, columns.stop) == (26, 35)
    depth[0, 4, 5] = -1.0
    assert touched(NumpyArrays(), layout_of(depth), 0.0, 100.0) is None
    straps = depth.copy()
    straps[0, 0, 0] = 0.01
    layout = layout_of(depth, straps)
    assert touched(NumpyArrays(), layout, 0.0, 100.0) == (slice(20, 25), slice(10, 15))
    assert strap_box(NumpyArrays(), layout, 0, 100.0) == (slice(20, 25), slice(10, 15))


def test_a_box_inside_of_another():
    inner, outer = (slice(5, 30), slice(40, 50)), (slice(10, 20), slice(35, 45))
    assert within(inner, outer) == (slice(0, 10), slice(5, 10))
    away = within((slice(0, 5), slice(0, 5)), outer)
    assert away[0].stop == away[1].stop == 0


def test_a_grid_of_a_few_pixels_draws_what_every_pixel_would(monkeypatch):
    """Outlines and reliefs are smooth: evaluating them more often changes little."""
    picture, landmarks = drawn_face(250)
    for kind in ("surgical", "ffp2", "gaiter"):
        spec = draw_specs(sample_rng(1, kind), SpecConfig((kind,), wrongly_worn=0))[0]
        spec = replace(spec, print_name="plain")
        usual = render(picture, landmarks, (spec,))
        with monkeypatch.context() as patch:
            patch.setattr("masking.rendering.warp._GRID_PX", 0.5)
            assert len(grid_places(0, 100)) == 201
            exact = render(picture, landmarks, (spec,))
        assert np.abs(usual.alpha - exact.alpha).mean() < 0.002
        error = np.abs(usual.pixels.astype(int) - exact.pixels)
        assert error.mean() < 0.3
        assert error.max() > 0
