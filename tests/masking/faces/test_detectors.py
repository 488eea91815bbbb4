"""The cascade stops at the first success; faces are found, masked and cropped ones."""

from dataclasses import replace

import cv2
import dlib
import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.faces.alignment import UPPER_FACE, ChipGeometry, crop_chip
from masking.faces.detectors import (
    CascadeDetector,
    CnnDetector,
    FaceBox,
    HogDetector,
    strongest,
)
from masking.faces.finder import FaceFinder, default_finder
from masking.faces.landmark_predictor import LandmarkPredictor, box_around
from masking.faces.mean_face import CANONICAL_FACE
from masking.faces.model_files import MASKED_LANDMARKS, MASKED_UPRIGHT, STOCK, own_model
from masking.landmarks import Landmarks
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from tests.fakes.detector_stages import BLANK, FixedStage, photos, scored


def box(left, top, right, bottom, name="fixed"):
    return FaceBox(left, top, right, bottom, 1.0, name)


@pytest.fixture(scope="module")
def finder():
    return default_finder()


@pytest.fixture(scope="module")
def stock():
    return HogDetector("stock", 0.0, 1.0, {STOCK: 0.0})


def test_the_stored_stock_detector_is_dlibs_own():
    stored = dlib.fhog_object_detector(str(own_model(STOCK)))
    packed = dlib.get_frontal_face_detector()
    run, found = dlib.fhog_object_detector.run_multiple, 0
    for photo in photos(3):
        image = read_rgb(photo)
        # Far below the usual threshold, so that there is much to compare.
        ours, theirs = (run([one], image, 0, -1.0) for one in (stored, packed))
        assert [list(part) for part in ours] == [list(part) for part in theirs]
        found += len(ours[0])
    assert found > 3


def finder_with(detector):
    return FaceFinder(detector, LandmarkPredictor(own_model(MASKED_LANDMARKS)))


def test_the_cascade_stops_at_the_first_stage_that_finds_a_face():
    nothing, first, second = FixedStage(), FixedStage(box(0, 0, 9, 9)), FixedStage()
    assert CascadeDetector([nothing, first, second]).detect(BLANK) == first.boxes
    assert (nothing.asked, first.asked, second.asked) == (1, 1, 0)
    assert CascadeDetector([nothing, second]).detect(BLANK) == []
    assert CascadeDetector([]).detect(BLANK) == []


def test_of_boxes_on_one_face_the_surest_stays():
    weak = scored(0, 0, 10, 10, 0.2)
    sure = scored(2, 0, 12, 10, 0.9)  # fractions 80 of 100 px
    inside = scored(4, 2, 8, 6, 0.5)  # all of it lies in both
    beside = scored(8, 0, 18, 10, 0.1)  # fractions 40 of 100 px with the sure one
    apart = scored(50, 50, 60, 60, 0.3)
    assert strongest([weak, sure, inside, beside, apart]) == [sure, apart, beside]
    assert strongest([]) == []


def test_the_area_of_a_box_is_never_negative():
    assert box(2, 3, 12, 8).area_px == 50
    assert box(12, 3, 2, 8).area_px == 0


def test_prominent_is_large_and_near_the_middle():
    middle, corner = box(80, 30, 120, 70), box(0, 0, 44, 44)
    huge = box(0, 0, 100, 100)
    finder = finder_with(FixedStage(corner, middle))
    assert [face.box for face in finder.find(BLANK)] == [middle, corner]
    finder = finder_with(FixedStage(corner, middle, huge))
    assert [face.box for face in finder.find(BLANK)] == [huge, middle, corner]


def test_the_whole_sample_is_found_with_landmarks_on_the_face(finder):
    found = 0
    for photo in photos(30):
        image = read_rgb(photo)
        faces = finder.find(image)
        assert len(faces) == 1
        found += 1
        points, where = faces[0].landmarks.points, faces[0].box
        assert points.shape == (68, 2)
        assert points.min() > 0
        assert points.max() < 250
        centre = points[27:].mean(axis=0)
        assert where.left < centre[0] < where.right
        assert where.top < centre[1] < where.bottom
    assert found == 30


def test_masked_faces_are_found_in_tight_crops(finder, stock):
    """A crop shows no more than the face square: dlib's own detector sees few."""
    missed = 0
    for number, photo in enumerate(photos(6)):
        image = read_rgb(photo)
        unmasked = finder.find(image)[0].landmarks
        specs = draw_specs(sample_rng(number, "crop"), SpecConfig(wrongly_worn=0))
        masked = render(image, unmasked, specs).pixels
        crop = crop_chip(masked, unmasked, ChipGeometry(112, 0.15), str(photo))
        missed += not stock.detect(crop.pixels)
        face = finder.find(crop.pixels)[0]
        error = np.abs(face.landmarks.points - crop.landmarks.points)[36:48]
        assert error.mean() < 0.1 * crop.landmarks.interocular_px
    assert missed >= 3


def test_boxes_are_in_photo_pixels_whatever_the_stage_sees(stock):
    image = read_rgb(photos(1)[0])
    plain = stock.detect(image)
    changed = HogDetector("b", 0.4, 2.0, {STOCK: 0.0}).detect(image)
    assert [found.detector for found in plain + changed] == ["stock", "b"]
    one, other = plain[0], changed[0]
    side = one.right - one.left
    for name in ("left", "top", "right", "bottom"):
        assert abs(getattr(one, name) - getattr(other, name)) < 0.25 * side


def test_each_detector_has_its_own_threshold(stock):
    """A score is how far a detector exceeds its threshold, whichever it was."""
    image = read_rgb(photos(1)[0])
    score = stock.detect(image)[0].score
    below, above = score - 0.25, score + 0.25
    sure = HogDetector("a", 0.0, 1.0, {STOCK: below}).detect(image)
    assert [found.score for found in sure] == pytest.approx([0.25], abs=1e-6)
    assert HogDetector("b", 0.0, 1.0, {STOCK: above}).detect(image) == []
    # The other detector's lower threshold lets no box of the stock one pass.
    both = {STOCK: above, MASKED_UPRIGHT: -0.5}
    found = HogDetector("c", 0.0, 1.0, both).detect(image)
    alone = HogDetector("d", 0.0, 1.0, {MASKED_UPRIGHT: -0.5}).detect(image)
    assert len(alone) == 1
    assert [one.score for one in found] == [one.score for one in alone]


def test_small_faces_are_found(finder, stock):
    """In photographs shrunk to 96 px a face has about 45 px."""
    image = cv2.resize(read_rgb(photos(1)[0]), (96, 96), interpolation=cv2.INTER_AREA)
    assert stock.detect(image) == []
    assert [face.box.detector for face in finder.find(image)] == ["hog-doubled"]


def test_large_photos_are_found_at_their_own_size(finder):
    image = np.repeat(np.repeat(read_rgb(photos(1)[0]), 8, axis=0), 8, axis=1)
    small = finder.find(read_rgb(photos(1)[0]))[0].landmarks
    large = finder.find(image)[0].landmarks
    assert large.interocular_px == pytest.approx(8 * small.interocular_px, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
def test_pictures_without_room_for_a_face_have_none(shape, stock):
    # A strip of one pixel shrinks, with the longer side, to a third of a pixel.
    assert stock.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_the_last_stage_answers_nothing_for_an_empty_wall(finder):
    assert finder.find(np.full((80, 80, 3), 120, np.uint8)) == []


def test_steady_landmarks_are_the_median_of_looks_from_several_boxes():
    image = read_rgb(photos(1)[0])
    path = own_model(MASKED_LANDMARKS)
    where = box(60, 70, 200, 210)
    once = LandmarkPredictor(path)
    first = once.predict(image, where)
    width = image.shape[1]
    turned = np.ascontiguousarray(image[:, ::-1])
    looks = []
    for times in (0.9, 1.0, 1.1):
        around = box_around(first, UPPER_FACE, times)
        left, right = width - 1 - around.right, width - 1 - around.left
        beside = replace(around, left=left, right=right)
        looks.append(once.predict(image, around))
        looks.append(once.predict(turned, beside).mirrored(width))
    steady = LandmarkPredictor(path, steady=True).predict(image, where)
    for look in (first, *looks):
        assert np.abs(look.points - steady.points).max() > 0.5
    median = np.median([look.points for look in looks], axis=0)
    # Boxes are rounded to whole pixels: once here, once in a part of the picture.
    np.testing.assert_allclose(steady.points, median, atol=1.0)
    assert np.abs(steady.points - median).mean() < 0.1


def test_steady_landmarks_do_not_know_left_from_right():
    image = read_rgb(photos(1)[0])
    predictor = LandmarkPredictor(own_model(MASKED_LANDMARKS), steady=True)
    where = box(60, 70, 200, 210)
    width = image.shape[1]
    turned = np.ascontiguousarray(image[:, ::-1])
    beside = box(width - 1 - 200, 70, width - 1 - 60, 210)
    one = predictor.predict(image, where)
    other = predictor.predict(turned, beside).mirrored(width)
    once = LandmarkPredictor(own_model(MASKED_LANDMARKS))
    alone = once.predict(image, where)
    alone_turned = once.predict(turned, beside).mirrored(width)
    apart = np.abs(one.points - other.points).mean()
    assert apart < 0.6 * np.abs(alone.points - alone_turned.points).mean()


@pytest.mark.parametrize("corner", [(-300, -300), (400, 90), (-20, 180)])
def test_a_box_beside_the_picture_still_has_landmarks(corner):
    image = read_rgb(photos(1)[0])
    predictor = LandmarkPredictor(own_model(MASKED_LANDMARKS), steady=True)
    where = box(*corner, corner[0] + 100, corner[1] + 100)
    assert np.isfinite(predictor.predict(image, where).points).all()


def test_a_box_built_on_eyes_and_brows_ignores_the_mouth():
    open_mouth = CANONICAL_FACE.copy()
    open_mouth[48:] += np.float32([0.0, 0.3])
    shut = Landmarks(CANONICAL_FACE * 100)
    gaping = Landmarks(open_mouth * 100)
    assert box_around(gaping, UPPER_FACE) == box_around(shut, UPPER_FACE)
    assert box_around(gaping).bottom > box_around(shut).bottom + 1
    # The middle (51.5, 51.5) and half side 65 of the canonical box.
    found = box_around(shut, UPPER_FACE)
    corners = (found.left, found.top, found.right, found.bottom)
    assert corners == pytest.approx((-13.5, -13.5, 116.5, 116.5), abs=1e-3)


def test_landmarks_follow_the_box():
    finder = finder_with(FixedStage())
    one = finder.landmarks_in(BLANK, box(20, 20, 80, 80)).points
    other = finder.landmarks_in(BLANK, box(60, 20, 120, 80)).points
    assert isinstance(finder.landmarks_in(BLANK, box(0, 0, 9, 9)), Landmarks)
    np.testing.assert_allclose(other - one, [[40, 0]] * 68, atol=1)
    assert np.ptp(CANONICAL_FACE[:, 0]) * 40 < np.ptp(one[:, 0]) < 90


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (12, 9), (39, 41)])
def test_tiny_pictures_hold_no_face_and_crash_nothing(shape):
    picture = np.full((*shape, 3), 120, np.uint8)
    assert CnnDetector("mmod", 1.0).detect(picture) == []
    assert default_finder().find(picture) == []
