"""Outlines cover what their wear class says, on the canonical face and on others."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from masking.canonical_face import CANONICAL_FACE
from masking.landmarks import Landmarks
from masking.mask_geometry import map_face
from masking.mask_outline import (
    ANGLES,
    Outline,
    length,
    outline,
    outline_knots,
    signed_distance,
)
from masking.mask_spec import KINDS, WEARS, SpecConfig, draw_specs
from masking.mask_straps import STRAP_HALF_WIDTH, strap_distance, strap_segments

CHIN_POINT, CHIN, NOSE_TIP = 8, slice(6, 11), 30
NOSE_BASE, LIPS, MOUTH = slice(31, 36), slice(48, 60), slice(48, 68)
SPAN = {"rise": (-0.06, 0.06), "widen": (-0.03, 0.03), "hang": (-0.01, 0.05)}


def spec_of(kind, wear="correct", **changes):
    plain = draw_specs(np.random.default_rng(0), SpecConfig((kind,)))[0]
    still = {"rise": 0.0, "widen": 0.0, "hang": 0.0, "tilt_rad": 0.0}
    return replace(plain, kind=kind, wear=wear, **(still | changes))


def extreme_specs(kind, wear):
    """Every combination of the least, middle and greatest of each parameter."""
    tilts = [-0.1, 0.0, 0.1]
    if wear == "crooked":
        tilts = [sign * np.deg2rad(size) for sign in (-1, 1) for size in (7, 13)]
    spans = [(low, (low + high) / 2, high) for low, high in SPAN.values()]
    for rise, widen, hang, tilt in itertools.product(*spans, tilts):
        yield spec_of(kind, wear, rise=rise, widen=widen, hang=hang, tilt_rad=tilt)


def depths(spec, points=CANONICAL_FACE):
    """How deep each point lies inside the spec's outline, face squares."""
    x, y = (np.ascontiguousarray(points[:, axis])[None] for axis in (0, 1))
    return signed_distance(outline(spec), x, y).reshape(-1)


def assert_wear_is_true(spec):
    depth = depths(spec)
    if spec.wear in ("correct", "crooked"):
        assert depth[NOSE_TIP] > 0.05
        assert depth[MOUTH].min() > 0.15
        assert depth[CHIN].min() > 0.02
    elif spec.wear == "nose_out":
        assert depth[NOSE_TIP] < -0.1
        assert depth[NOSE_BASE].max() < -0.02
        assert depth[MOUTH].min() > 0.005
        assert depth[CHIN].min() > 0.02
    elif spec.wear == "nose_and_mouth_out":
        assert depth[27:36].max() < -0.2
        assert depth[LIPS].max() < -0.01
        assert depth[CHIN].min() > 0.02
    else:
        assert depth[CHIN_POINT] < -0.15
        assert depth[NOSE_TIP] > 0.05
        assert depth[MOUTH].min() > 0.05
    # No mask reaches the eyes.
    assert depth[36:48].max() < -0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wear", WEARS)
def test_wear_classes_are_true_at_all_limits(kind, wear):
    specs = list(extreme_specs(kind, wear))
    assert len(specs) >= 81
    for spec in specs:
        assert_wear_is_true(spec)


def test_wear_classes_are_true_of_drawn_masks():
    rng, seen = np.random.default_rng(8), set()
    for _ in range(2000):
        spec = draw_specs(rng, SpecConfig(wrong_wear=3.0))[0]
        assert_wear_is_true(spec)
        for name, (low, high) in SPAN.items():
            assert low <= getattr(spec, name) <= high  # the limits tested above
        seen.add((spec.kind, spec.wear))
    assert len(seen) == len(KINDS) * len(WEARS)


def test_the_distance_to_a_circle():
    circle = Outline(
        (0.5, 0.8),
        np.full(ANGLES + 1, 0.3, np.float32),
        np.ones(ANGLES + 1, np.float32),
    )
    # In the middle, inside, on the edge, outside; in several directions.
    x = np.float32([[0.5, 0.6, 0.5, 0.2, 0.5]])
    y = np.float32([[0.8, 0.8, 0.9, 0.8, 0.1]])
    expected = [0.3, 0.2, 0.2, 0.0, -0.4]
    np.testing.assert_allclose(
        signed_distance(circle, x, y).ravel(), expected, atol=1e-3
    )


@pytest.mark.parametrize("kind", KINDS)
def test_distances_near_the_edge_are_those_to_the_polygon(kind):
    shape = outline(spec_of(kind, tilt_rad=0.05))
    angle = np.linspace(-np.pi, np.pi, ANGLES + 1)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * shape.radius[:, None]
    polygon = (around + shape.centre).astype(np.float32)
    rng = np.random.default_rng(1)
    near = polygon[rng.integers(ANGLES, size=400)] + rng.uniform(-0.02, 0.02, (400, 2))
    true = [cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in near]
    ours = signed_distance(
        shape, np.float32(near[:, 0])[None], np.float32(near[:, 1])[None]
    ).ravel()
    error = np.abs(ours - true)
    assert np.ptp(true) > 0.03
    # Corners round off: the median is exact, the worst a hundredth of the face.
    assert np.median(error) < 0.001
    assert error.max() < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_outlines_without_tilt_are_symmetric(kind):
    radius = outline(spec_of(kind)).radius
    # The angle a becomes pi - a: from -pi to pi, half a turn further, backwards.
    mirrored = np.roll(radius[:-1], ANGLES // 2)[::-1]
    np.testing.assert_allclose(np.roll(mirrored, 1), radius[:-1], atol=0.004)
    assert np.ptp(radius) > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_moves_its_edge(kind):
    def top(spec):
        return outline_knots(spec)[0, 1]

    def bottom(spec):
        return outline_knots(spec)[-1, 1]

    def width(spec):
        return outline_knots(spec)[:, 0].max() - 0.5

    plain = spec_of(kind)
    high = spec_of(kind, rise=0.06)
    assert top(plain) - 0.06 <= top(high) < top(plain) - 0.04
    assert bottom(high) == bottom(plain)
    wide = spec_of(kind, widen=0.03)
    assert width(wide) == pytest.approx(1.03 * width(plain))
    low = spec_of(kind, hang=0.05)
    assert top(low) == top(plain)
    assert bottom(low) == pytest.approx(bottom(plain) + 0.05)


def test_a_tilt_turns_the_outline():
    tilt = 2 * np.pi / ANGLES  # one step of the table
    plain = outline(spec_of("surgical"))
    turned = outline(spec_of("surgical", tilt_rad=tilt))
    np.testing.assert_allclose(turned.radius[1:], plain.radius[:-1], atol=0.006)
    assert np.abs(turned.radius - plain.radius).max() > 0.015
    # y points down: a positive turn lowers the person's left, the picture's right.
    left, right = np.float32([[0.02, 0.45]]), np.float32([[0.98, 0.45]])
    spec = spec_of("surgical", "crooked", tilt_rad=0.2)
    assert depths(spec, left)[0] > depths(spec, right)[0]


def test_the_canonical_face_maps_onto_itself():
    face = map_face(Landmarks(CANONICAL_FACE * 200 + 150), 600, 600)
    rows, columns = np.mgrid[: face.x.shape[0], : face.x.shape[1]]
    np.testing.assert_allclose(face.x, (columns + face.left - 150) / 200, atol=2e-3)
    np.testing.assert_allclose(face.y, (rows + face.top - 150) / 200, atol=2e-3)
    assert face.px_per_unit == pytest.approx(200, rel=1e-3)
    assert face.x.max() - face.x.min() > 1.8


def test_the_map_undoes_turn_and_scale():
    turn = np.deg2rad(50)
    matrix = 180 * np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]]
    )
    matrix[:, 2] = 350
    moved = Landmarks(CANONICAL_FACE - 0.5).moved(matrix)
    face = map_face(moved, 700, 700)
    assert face.px_per_unit == pytest.approx(180, rel=1e-3)
    for number in (8, 30, 36, 45, 48):
        column, row = np.rint(moved.points[number]).astype(int)
        at = face.x[row - face.top, column - face.left]
        assert at == pytest.approx(CANONICAL_FACE[number, 0], abs=0.006)
        at = face.y[row - face.top, column - face.left]
        assert at == pytest.approx(CANONICAL_FACE[number, 1], abs=0.006)


def test_the_map_follows_a_wider_jaw():
    points = CANONICAL_FACE.copy()
    points[:17, 0] = 0.5 + (points[:17, 0] - 0.5) * 1.15
    points = points * 200 + 150
    face = map_face(Landmarks(points), 600, 600)
    column, row = np.rint(points[12]).astype(int)
    at = face.x[row - face.top, column - face.left]
    assert at == pytest.approx(CANONICAL_FACE[12, 0], abs=0.03)


def test_the_window_stays_within_the_picture():
    points = CANONICAL_FACE * 200
    face = map_face(Landmarks(points + np.float32([-60, 40])), 180, 240)
    assert (face.left, face.top) == (0, 0)
    assert face.x.shape == (180, 240)
    away = Landmarks(points + np.float32([5000, 0]))
    assert map_face(away, 180, 240) is None
    assert map_face(Landmarks(points - np.float32([0, 900])), 180, 240) is None


@pytest.mark.parametrize("wear", WEARS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gaiter"])
def test_straps_begin_on_the_mask_and_end_at_the_ears(kind, wear):
    for spec in extreme_specs(kind, wear):
        segments = np.float32(strap_segments(spec, outline(spec)))
        assert segments.shape == (4, 4)
        starts, ends = segments[:, :2], segments[:, 2:]
        assert depths(spec, starts).min() > 0  # none floats beside the mask
        # Outwards on both sides, to between brow and mouth: where the ears are.
        side = np.sign(starts[:, 0] - 0.5)
        assert (side * (ends - starts)[:, 0]).min() > 0
        assert side.sum() == 0
        assert 0.2 < ends[:, 1].min() < ends[:, 1].max() < 0.75
        # The upper strap of each side is seen.
        assert depths(spec, ends[::2]).max() < -0.05


def test_a_neck_tube_has_no_straps():
    assert strap_segments(spec_of("gaiter"), outline(spec_of("gaiter"))) == []
    nowhere = strap_distance(
        spec_of("gaiter"), outline(spec_of("gaiter")), *np.float32([[[0.1]], [[0.5]]])
    )
    assert nowhere < 0


def test_the_distance_to_a_strap():
    spec = spec_of("surgical")
    x0, y0, x1, y1 = strap_segments(spec, outline(spec))[0]
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    along = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
    across = np.array([-along[1], along[0]])
    points = np.float32([middle, middle + 0.02 * across, middle - 0.05 * across])
    near = strap_distance(
        spec, outline(spec), points[:, 0][None], points[:, 1][None]
    ).ravel()
    expected = STRAP_HALF_WIDTH - np.array([0, 0.02, 0.05])
    np.testing.assert_allclose(near, expected, atol=1e-5)


def test_lengths_are_the_same_wherever_the_arrays_lie():
    x = np.random.default_rng(2).normal(size=1000).astype(np.float32)
    y = x[::-1].copy()
    results = set()
    for start in range(16):
        room = np.empty(2100, np.float32)
        a, b = room[start : start + 1000], room[1050 + start // 2 :][:1000]
        a[:], b[:] = x, y
        results.add(length(a, b).tobytes())
    assert len(results) == 1
    assert length(np.float32([3]), np.float32([4])) == 5
