"""Outlines cover what their wearing style says, on the canonical face and on others."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from masking.faces.mean_face import CANONICAL_DEPTH, CANONICAL_FACE
from masking.masks.outline import ANGLES, outline_knots, outlines
from masking.masks.spec import (
    KINDS,
    MASKS,
    OCCLUDERS,
    RIGID_STYLES,
    WEARING_STYLES,
    SpecConfig,
    draw_occluder,
    draw_specs,
)
from masking.rendering.layout import Looks, frame_of, lifted, seen_segments, strap_depth
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import STRAP_HALF_WIDTH, parameters, segments
from masking.rendering.warp import (
    EARS,
    ears_on_skin,
    grid_places,
    head_pose,
    rigid_map,
    skin_map,
    skin_spline,
)

ARRAYS = NumpyArrays()
STRAPPED = [kind for kind in MASKS if kind != "gaiter"]

CHIN_POINT, CHIN, NOSE_TIP = 8, slice(6, 11), 30
NOSE_BASE, LIPS, MOUTH = slice(31, 36), slice(48, 60), slice(48, 68)
SPAN = {"rise": (-0.06, 0.06), "widen": (-0.04, 0.05), "hang": (0.0, 0.03)}


def outline_of(spec):
    return outlines([spec])[0]


def spec_of(kind, wearing_style="correct", **changes):
    rng = np.random.default_rng(0)
    if kind in OCCLUDERS:
        plain = replace(draw_occluder(rng, kind), shift_x=0.0, shift_y=0.0)
    else:
        plain = draw_specs(rng, SpecConfig((kind,)))[0]
    still = {"rise": 0.0, "widen": 0.0, "hang": 0.0, "tilt_rad": 0.0}
    return replace(plain, kind=kind, wearing_style=wearing_style, **(still | changes))


def extreme_specs(kind, wearing_style):
    """Every combination of the least, middle and greatest of each parameter."""
    tilts = [-0.1, 0.0, 0.1]
    if wearing_style == "crooked":
        tilts = [sign * np.deg2rad(size) for sign in (-1, 1) for size in (7, 13)]
    spans = [(low, (low + high) / 2, high) for low, high in SPAN.values()]
    for rise, widen, hang, tilt in itertools.product(*spans, tilts):
        yield spec_of(
            kind, wearing_style, rise=rise, widen=widen, hang=hang, tilt_rad=tilt
        )


def depths(spec, points=CANONICAL_FACE):
    """How deep each point lies inside the spec's outline, face squares."""
    x, y = (np.ascontiguousarray(points[:, axis])[None, None] for axis in (0, 1))
    return frame_of(ARRAYS, parameters(ARRAYS, [spec]), x, y).depth.reshape(-1)


def assert_style_is_true(spec):
    depth = depths(spec)
    if spec.wearing_style in ("correct", "crooked"):
        assert depth[NOSE_TIP] > 0.05
        assert depth[MOUTH].min() > 0.15
        assert depth[CHIN].min() > 0.02
    elif spec.wearing_style == "nose_out":
        assert depth[NOSE_TIP] < -0.1
        assert depth[NOSE_BASE].max() < -0.02
        assert depth[MOUTH].min() > 0.005
        assert depth[CHIN].min() > 0.02
    elif spec.wearing_style == "nose_and_mouth_out":
        assert depth[27:36].max() < -0.2
        assert depth[LIPS].max() < -0.01
        assert depth[CHIN].min() > 0.02
    else:
        assert depth[CHIN_POINT] < -0.15
        assert depth[NOSE_TIP] > 0.05
        assert depth[MOUTH].min() > 0.05
    # No mask reaches the eyes.
    assert depth[36:48].max() < -0.02


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("wearing_style", WEARING_STYLES)
def test_wear_classes_are_true_at_all_limits(kind, wearing_style):
    specs = list(extreme_specs(kind, wearing_style))
    assert len(specs) >= 81
    for spec in specs:
        assert_style_is_true(spec)


def test_wear_classes_are_true_of_drawn_masks():
    rng, seen = np.random.default_rng(8), set()
    for _ in range(2000):
        spec = draw_specs(rng, SpecConfig(MASKS, wrongly_worn=3.0))[0]
        assert_style_is_true(spec)
        for name, (low, high) in SPAN.items():
            assert low <= getattr(spec, name) <= high  # the limits tested above
        seen.add((spec.kind, spec.wearing_style))
    assert len(seen) == len(MASKS) * len(WEARING_STYLES)


def test_a_visor_is_in_front_of_the_whole_face():
    rng, seen = np.random.default_rng(8), set()
    for _ in range(200):
        spec = draw_specs(rng, SpecConfig(("shield",), wrongly_worn=3.0))[0]
        assert depths(spec)[np.r_[3:14, 17:68]].min() > 0.0
        seen.add(spec.wearing_style)
    assert seen == set(RIGID_STYLES)


def test_occluders_are_where_they_hide_something():
    rng = np.random.default_rng(8)
    for _ in range(50):
        glasses = depths(draw_occluder(rng, "sunglasses"))
        assert glasses[[37, 41, 43, 47]].min() > 0.02  # the middles of both eyes
        assert glasses[[8, 27, 33, 57]].max() < 0  # between the lenses, and below
        for hat in ("cap", "headscarf"):
            deep = depths(draw_occluder(rng, hat))
            assert deep[36:].max() < 0  # neither eyes nor mouth
            forehead = np.array([[0.3, -0.3], [0.5, -0.35], [0.7, -0.3]], np.float32)
            assert depths(draw_occluder(rng, hat), forehead).min() > 0.03


def circle():
    """A mask whose outline is a circle of radius .3 about (.5, .8)."""
    mask = parameters(ARRAYS, [spec_of("surgical")])
    ring = np.full((1, ANGLES + 1), 0.3, np.float32)
    middle = np.array([[0.5, 0.8]], np.float32)
    return replace(mask, centre=middle, radius=ring, slope=np.ones_like(ring))


def test_the_distance_to_a_circle():
    # In the middle, inside, on the edge, outside; in several directions.
    x = np.array([[[0.5, 0.6, 0.5, 0.2, 0.5]]], np.float32)
    y = np.array([[[0.8, 0.8, 0.9, 0.8, 0.1]]], np.float32)
    frame = frame_of(ARRAYS, circle(), x, y)
    expected = [0.3, 0.2, 0.2, 0.0, -0.4]
    np.testing.assert_allclose(frame.depth.ravel(), expected, atol=1e-3)
    np.testing.assert_allclose(frame.u.ravel(), [0, 0.1, 0, -0.3, 0], atol=1e-6)
    np.testing.assert_allclose(frame.v.ravel(), [0, 0, 0.1, 0, -0.7], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS + OCCLUDERS)
def test_distances_near_the_edge_are_those_to_the_polygon(kind):
    spec = spec_of(kind, tilt_rad=0.05)
    shape = outline_of(spec)
    angle = np.linspace(-np.pi, np.pi, ANGLES + 1)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * shape.radius[:, None]
    turn = np.array([[np.cos(0.05), np.sin(0.05)], [-np.sin(0.05), np.cos(0.05)]])
    polygon = (around @ turn + shape.centre).astype(np.float32)
    rng = np.random.default_rng(1)
    near = polygon[rng.integers(ANGLES, size=400)] + rng.uniform(-0.02, 0.02, (400, 2))
    near = near[near[:, 0] > 0.5].astype(np.float32)  # of two lenses, one
    true = [cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in near]
    error = np.abs(depths(spec, near) - true)
    assert np.ptp(true) > 0.03
    # Corners round off: the median is exact, the worst two hundredths of the face.
    assert np.median(error) < 0.002
    assert error.max() < 0.02


@pytest.mark.parametrize("kind", KINDS + OCCLUDERS)
def test_outlines_of_smooth_fabric_are_symmetric(kind):
    radius = outline_of(spec_of(kind, wrinkle=0.0)).radius
    # The angle a becomes pi - a: from -pi to pi, half a turn further, backwards.
    mirrored = np.roll(radius[:-1], ANGLES // 2)[::-1]
    np.testing.assert_allclose(np.roll(mirrored, 1), radius[:-1], atol=0.004)
    assert np.ptp(radius) > 0.05


def test_limp_fabric_sits_uneven_and_no_two_alike():
    # At most 0.012 + 0.008 + 0.006 + 0.004 of the radius; multiples of 66 are of the
    # same form.
    smooth = outline_of(spec_of("cloth", wrinkle=0.0, seed=0)).radius
    uneven = [
        outline_of(spec_of("cloth", wrinkle=1.0, seed=seed * 66 * 98765)).radius
        / smooth
        - 1
        for seed in range(1, 9)
    ]
    for one, other in itertools.pairwise(uneven):
        assert 0.01 < np.abs(one).max() <= 0.0301
        assert np.abs(one - other).max() > 0.005


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


def test_a_tilt_turns_the_mask():
    # y points down: a positive turn lowers the person's left, the picture's right.
    left, right = (
        np.array([[0.02, 0.45]], np.float32),
        np.array([[0.98, 0.45]], np.float32),
    )
    spec = spec_of("surgical", "crooked", tilt_rad=0.2)
    assert depths(spec, left)[0] > depths(spec, right)[0]
    level = spec_of("surgical")
    assert depths(level, left)[0] == pytest.approx(depths(level, right)[0], abs=0.01)


def face_of(points):
    """Pose and spline of one face."""
    marks = np.asarray(points, np.float32)[None]
    return head_pose(ARRAYS, marks), skin_spline(ARRAYS, marks)


def on_skin(spline, points):
    """Canonical places of (M, 2) px."""
    points = np.float32(points)
    x, y = skin_map(ARRAYS, spline, points[None, :, 0], points[None, :, 1])
    return np.stack([np.diagonal(x[0]), np.diagonal(y[0])], axis=1)


def test_the_canonical_face_maps_onto_itself():
    pose, spline = face_of(CANONICAL_FACE * 200 + 150)
    columns = np.linspace(60, 420, 30, dtype=np.float32)[None]
    for x, y in (
        skin_map(ARRAYS, spline, columns, columns),
        rigid_map(ARRAYS, pose, columns, columns),
    ):
        expected = np.broadcast_to((columns - 150) / 200, (30, 30))
        np.testing.assert_allclose(x[0], expected, atol=3e-3)
        np.testing.assert_allclose(y[0], expected.T, atol=3e-3)
    assert pose.px_per_unit[0] == pytest.approx(200, rel=1e-3)
    np.testing.assert_allclose(pose.lean, 0, atol=2e-3)
    assert pose.ears_seen.tolist() == [[1, 1]]


def test_the_map_undoes_turn_and_scale():
    turn = np.deg2rad(50)
    matrix = 180 * np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    points = (CANONICAL_FACE - 0.5) @ matrix.T + 350
    pose, spline = face_of(points)
    assert pose.px_per_unit[0] == pytest.approx(180, rel=1e-3)
    chosen = [8, 30, 36, 45, 48]
    np.testing.assert_allclose(
        on_skin(spline, points[chosen]), CANONICAL_FACE[chosen], atol=0.006
    )


def test_the_map_follows_a_wider_jaw():
    points = CANONICAL_FACE.copy()
    points[:17, 0] = 0.5 + (points[:17, 0] - 0.5) * 1.15
    points = points * 200 + 150
    at = on_skin(face_of(points)[1], points[[12]])
    assert at[0, 0] == pytest.approx(CANONICAL_FACE[12, 0], abs=0.03)


def test_the_map_follows_a_single_landmark():
    points = CANONICAL_FACE * 200 + 150
    points[NOSE_TIP, 0] += 10  # 0.05 face squares
    at = on_skin(face_of(points)[1], points[[NOSE_TIP]])
    np.testing.assert_allclose(at, CANONICAL_FACE[[NOSE_TIP]], atol=0.01)


def turned_head(yaw_deg, pitch_deg=0.0, px=200.0, at=300.0):
    """Landmarks (68, 2) px of the canonical head turned in space, and its ears."""
    yaw, pitch = np.deg2rad([yaw_deg, pitch_deg])
    about_y = np.array(
        [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    )
    about_x = np.array(
        [
            [1, 0, 0],
            [0, np.cos(pitch), np.sin(pitch)],
            [0, -np.sin(pitch), np.cos(pitch)],
        ]
    )
    whole = np.c_[CANONICAL_FACE - 0.5, CANONICAL_DEPTH]
    ears = EARS - [0.5, 0.5, 0]
    seen = [
        (points @ (about_x @ about_y).T)[:, :2] * px + at for points in (whole, ears)
    ]
    return seen[0].astype(np.float32), seen[1].astype(np.float32)


@pytest.mark.parametrize("yaw", [-35, -15, 0, 20, 40])
def test_the_pose_of_a_turned_head(yaw):
    points, ears = turned_head(yaw, 10)
    pose, _ = face_of(points)
    # A step towards the camera moves by sin(yaw) to the side.
    side = 200 * np.sin(np.deg2rad(yaw))
    assert pose.towards[0, 0] == pytest.approx(side, abs=1.0)
    np.testing.assert_allclose(pose.ears[0], ears, atol=1.5)
    if yaw >= 20:  # the face looks to the picture's right: its left ear is hidden
        assert pose.ears_seen.tolist() == [[1, 0]]
    elif yaw <= -35:
        assert pose.ears_seen.tolist() == [[0, 1]]
    elif yaw == 0:
        assert pose.ears_seen.tolist() == [[1, 1]]


@pytest.mark.parametrize("roll", [0, 30, -100])
def test_what_stands_off_leans_by_the_tangent_of_the_turn_however_the_head_rolls(roll):
    roll = np.deg2rad(roll)
    matrix = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    # tan(50 degrees) = 1.19 is more than is ever rendered.
    for yaw, lean in ((20, np.tan(np.deg2rad(20))), (-50, -0.8)):
        points, _ = turned_head(yaw)
        pose, _ = face_of((points - 300) @ matrix.T + 300)
        np.testing.assert_allclose(pose.lean, [[lean, 0]], atol=1e-3)


def test_a_flat_face_is_mapped_back_from_any_roll():
    roll = np.deg2rad(50)
    matrix = 180 * np.array(
        [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    )
    places = np.array([(0.1, 0.2), (0.9, 0.4), (0.5, 1.1)], np.float32)
    points = np.float32(places @ matrix.T + 350)
    pose, _ = face_of(CANONICAL_FACE @ matrix.T + 350)
    x, y = rigid_map(ARRAYS, pose, points[None, :, 0], points[None, :, 1])
    np.testing.assert_allclose(np.diagonal(x[0]), places[:, 0], atol=2e-3)
    np.testing.assert_allclose(np.diagonal(y[0]), places[:, 1], atol=2e-3)


def test_the_tip_of_the_nose_is_36_mm_before_the_eyes():
    # 0.29 face squares, and the head is as deep on its right as on its left.
    eyes = CANONICAL_DEPTH[[36, 45]]
    assert CANONICAL_DEPTH[NOSE_TIP] - eyes.mean() == pytest.approx(0.29, abs=0.005)
    assert CANONICAL_DEPTH.argmax() == NOSE_TIP
    np.testing.assert_array_equal(CANONICAL_DEPTH[:17], CANONICAL_DEPTH[16::-1])


def test_what_is_worn_behind_is_seen_further_on():
    mask = replace(
        parameters(ARRAYS, [spec_of("ffp2")]), behind=np.array([0.1], np.float32)
    )
    # Far from the mask there is nothing but the way behind: 0.1 times the lean.
    away = np.array([[[3.0]]], np.float32), np.array([[[4.0]]], np.float32)
    found = lifted(ARRAYS, mask, *away, np.array([[0.2, -0.1]], np.float32))
    np.testing.assert_allclose(np.ravel(found), [3.02, 3.99], rtol=1e-6)


def test_what_stands_off_the_skin_is_seen_further_on():
    mask = parameters(ARRAYS, [spec_of("ffp2")])
    middle = np.array([[[0.5]]], np.float32), np.array([[[0.8]]], np.float32)
    still = lifted(ARRAYS, mask, *middle, np.array([[0.0, 0.0]], np.float32))
    np.testing.assert_allclose(np.ravel(still), [0.5, 0.8])
    # Leaning to the right, the pixel shows a place of the dome further left, whose
    # height times the lean is the way between the two.
    for lean in (0.1, 0.5):
        x, y = lifted(ARRAYS, mask, *middle, np.array([[lean, 0.0]], np.float32))
        frame = frame_of(ARRAYS, mask, x, y)
        height = ARRAYS.rises(mask.surfaces, frame.u, frame.v)
        assert height > 0.1
        assert 0.5 - x == pytest.approx(lean * height, abs=0.01)
        assert y == pytest.approx(0.8)


def test_a_cup_bulges_towards_the_far_rim_on_a_turned_head():
    mask = parameters(ARRAYS, [spec_of("ffp2")])
    rim = float(outline_knots(spec_of("ffp2"))[:, 0].max())
    x = np.linspace(rim - 0.2, rim, 21, dtype=np.float32)[None, None]
    y = np.full_like(x, 0.80)
    frontal = frame_of(ARRAYS, mask, x, y).depth.ravel()
    turned = lifted(ARRAYS, mask, x, y, np.array([[0.8, 0.0]], np.float32))
    seen = frame_of(ARRAYS, mask, *turned).depth.ravel()
    # Each pixel inside shows a place further from the rim, and none is lost.
    inside = frontal > 0.01
    assert (seen[inside] > frontal[inside]).all()
    assert (seen - frontal).max() > 0.05
    assert (np.diff(turned[0].ravel()) > 0).all()  # the map does not fold


def looks(ears, seen=((1, 1),), bare=((1, 1, 1, 1),)):
    empty = np.zeros((1, 3), np.float32)
    one = np.zeros(1, np.float32)
    return Looks(
        empty, empty, empty, one, one, one, ears, np.float32(seen), np.float32(bare)
    )


def frontal_looks(**changes):
    pose, spline = face_of(CANONICAL_FACE * 200 + 150)
    return looks(ears_on_skin(ARRAYS, spline, pose), **changes)


@pytest.mark.parametrize("wearing_style", WEARING_STYLES)
@pytest.mark.parametrize("kind", STRAPPED)
def test_straps_begin_on_the_mask(kind, wearing_style):
    for spec in extreme_specs(kind, wearing_style):
        pieces = segments([spec], outlines([spec]))[0]
        assert pieces[:, 5].tolist() == [-1, -1, 1, 1]
        starts = pieces[:, :2].astype(np.float32)
        assert depths(spec, starts).min() > 0  # none floats beside the mask
        assert np.sign(starts[:, 0] - 0.5).tolist() == [-1, -1, 1, 1]


def test_straps_end_at_the_ears():
    spec = spec_of("surgical")
    mask = parameters(ARRAYS, [spec])
    look = frontal_looks()
    # Where the spec wants them: a little off the ears' roots.
    shift = [(-0.0, -0.02), (0.01, -0.02), (0.0, -0.02), (-0.01, -0.02)]
    ears = look.ears[0] + np.array(shift, np.float32)
    x, y = ears[None, None, :, 0], ears[None, None, :, 1]
    depth = strap_depth(np, seen_segments(np, mask, look), x, y, [0, 1, 2, 3]).ravel()
    np.testing.assert_allclose(depth, STRAP_HALF_WIDTH, atol=1e-3)
    # A little further out there is none.
    x = x + np.float32(0.05) * np.sign(x - 0.5)
    assert (
        strap_depth(np, seen_segments(np, mask, look), x, y, [0, 1, 2, 3]).max() < -0.03
    )


def test_straps_to_an_ear_that_is_not_seen_are_not_there():
    mask = parameters(ARRAYS, [spec_of("surgical")])
    for seen, expected in (((1, 0), [True, False]), ((0, 1), [False, True])):
        look = frontal_looks(seen=(seen,))
        x, y = (
            look.ears[:, None, [0, 2], 0],
            look.ears[:, None, [0, 2], 1] - np.float32(0.02),
        )
        depth = strap_depth(np, seen_segments(np, mask, look), x, y, [0, 2]).ravel()
        assert (depth > 0).tolist() == expected
        # Not even their shadow, which reaches 0.03.
        assert depth.min() < -0.1


def test_hair_cuts_straps_and_bands_where_it_begins():
    # Of the right upper way three quarters are bare, of the lower one a tenth.
    look = frontal_looks(bare=((0.75, 0.1, 1, 1),))
    loops = parameters(ARRAYS, [spec_of("surgical")])
    whole = seen_segments(np, loops, frontal_looks())
    cut = seen_segments(np, loops, look)
    for way in (2, 3):
        np.testing.assert_allclose(cut[way], whole[way], rtol=1e-4)
    np.testing.assert_allclose(cut[4][0] / whole[4][0], [0.75, 0.15, 1, 1], rtol=1e-5)
    hidden = np.float32(-1)
    half = np.float32(STRAP_HALF_WIDTH)
    assert cut[5][0].tolist() == [half, hidden, half, half]
    bands = parameters(ARRAYS, [spec_of("ffp2")])
    over = seen_segments(np, bands, look)
    whole = seen_segments(np, bands, frontal_looks())
    np.testing.assert_allclose(over[4][0] / whole[4][0], [0.75, 0.15, 1, 1], rtol=1e-5)
    # The upper band ends above the ear, further out than its root.
    ways = [whole[k][0, 0] + whole[4][0, 0] * whole[k + 2][0, 0] for k in (0, 1)]
    np.testing.assert_allclose(
        np.array(ways) - look.ears[0, 0], [-0.04, -0.16], atol=1e-5
    )


def test_a_neck_tube_has_no_straps():
    specs = [spec_of("gaiter")]
    assert segments(specs, outlines(specs)).shape == (1, 0, 8)


def test_the_distance_to_a_hanging_strap():
    mask = parameters(ARRAYS, [spec_of("surgical")])
    # From (0, 0) to (1, 0), half width .1, hanging by .2 in the middle.
    piece = np.array([[[0, 0, 1, 0, 0.1, 0, 0, -0.2]]], np.float32)
    mask = replace(mask, segments=piece)
    x = np.array([[[0.5, 0.5, 0.25, 0.0, -0.3]]], np.float32)
    y = np.array([[[0.2, 0.0, 0.15, 0.0, 0.0]]], np.float32)
    expected = [0.1, 0.1 - 0.2, 0.1, 0.1, 0.1 - 0.3]
    depth = strap_depth(np, seen_segments(np, mask, frontal_looks()), x, y, [0]).ravel()
    np.testing.assert_allclose(depth, expected, atol=1e-5)


def test_places_of_a_grid_reach_both_ends():
    places = grid_places(10, 100)
    assert (places[0], places[-1], len(places)) == (10, 100, 16)
    assert len(grid_places(0, 3)) == 3
