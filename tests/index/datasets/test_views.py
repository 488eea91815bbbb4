"""Photographs to views with fake finders and renderers on drawn pictures."""

from dataclasses import dataclass

import numpy as np
import pytest

from index.datasets.views import (
    CROP_BOX,
    CROP_DETECTOR,
    ViewPlan,
    all_views,
    photo_views,
)
from masking.datasets.images import write_image
from masking.datasets.labels import LabelledPhoto
from masking.errors import NoFace
from masking.faces.alignment import ChipGeometry
from tests.fakes.drawn_people import DrawnFinder

SMALL, LARGE = ChipGeometry(size_px=24), ChipGeometry(size_px=48)


class BrightFinder(DrawnFinder):
    """Sees a face where the top-left pixel is bright."""

    def find(self, image):
        return super().find(image) if image[0, 0].min() >= 128 else []


@dataclass(frozen=True)
class DarkRenderer:
    """Renders the lower half black; hides the face from the finder if asked to."""

    hide: bool = False

    def kind(self, name):
        return "dark"

    def wearing_style(self, name):
        return "correct"

    def render(self, image, landmarks, name):
        if name == "refuses.png":
            raise NoFace("the landmarks lie outside of the picture")
        rendered = image.copy()
        rendered[len(image) // 2 :] = 0
        if self.hide:
            rendered[0, 0] = 0
        return rendered


@pytest.fixture
def drawn(tmp_path):
    def draw(name, brightness=200):
        pixels = np.full((60, 60, 3), brightness, np.uint8)
        write_image(tmp_path / name, pixels)
        return LabelledPhoto(tmp_path / name, name, "Ann")

    return draw


def views_of(photo, **plan):
    return photo_views(7, photo, ViewPlan((SMALL, LARGE), **plan), BrightFinder())


def test_a_face_becomes_a_chip_of_each_geometry(drawn):
    (view,) = views_of(drawn("a.png"))
    assert (view.photo, view.mask, view.face.box.detector) == (7, "no-mask", "drawn")
    assert [chip.shape for chip in view.face.crops] == [(24, 24, 3), (48, 48, 3)]
    assert not view.face.failure


def test_a_picture_without_a_face_fails_or_is_taken_whole(drawn):
    dark = drawn("dark.png", brightness=100)
    (failed,) = views_of(dark)
    assert (failed.face.crops, failed.face.box.detector) == ((), "")
    assert failed.face.failure == f"{dark.path}: no face found."
    (cropped,) = views_of(dark, on_no_face="crop")
    assert (len(cropped.face.crops), cropped.face.box.detector) == (2, CROP_DETECTOR)
    assert not cropped.face.failure


def test_the_box_in_a_crop_is_upright_and_inside():
    left, top, right, bottom = CROP_BOX
    assert 0 < left < right < 1
    assert 0 < top < bottom < 1
    assert left + right == pytest.approx(1)


def test_damaged_files_are_failures_with_a_reason(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    photo = LabelledPhoto(path, "broken.jpg", "Ann")
    plain, rendered = views_of(photo, renderer=DarkRenderer())
    for view in (plain, rendered):
        assert "not an image" in view.face.failure
    assert (plain.mask, rendered.mask) == ("no-mask", "dark")


def test_a_rendered_copy_follows_the_photograph(drawn):
    plain, rendered = views_of(drawn("a.png"), renderer=DarkRenderer())
    assert (plain.mask, rendered.mask) == ("no-mask", "dark")
    assert rendered.photo == plain.photo
    # The face square is rows 4 to 20 of the chip; its lower half was rendered.
    np.testing.assert_array_equal(rendered.face.crop[4:11], plain.face.crop[4:11])
    assert rendered.face.crop[14:19, 12].max() == 0
    assert plain.face.crop[5:19, 12].min() == 200


def test_masked_faces_are_found_again(drawn):
    photo, renderer = drawn("a.png"), DarkRenderer(hide=True)
    plain, lost = views_of(photo, renderer=renderer)
    assert not plain.face.failure
    assert lost.face.failure == f"{photo.path}, rendered: no face found."


def test_a_mask_that_cannot_be_rendered_is_a_failure(drawn):
    plain, rendered = views_of(drawn("refuses.png"), renderer=DarkRenderer())
    assert not plain.face.failure
    assert "outside of the picture" in rendered.face.failure


def test_workers_give_the_same_views_in_the_same_order(drawn):
    photos = [drawn(f"{n}.png", brightness=90 + 40 * (n % 3)) for n in range(6)]
    plan = ViewPlan((SMALL,), renderer=DarkRenderer())
    alone = list(all_views(photos, plan, 1, BrightFinder))
    together = list(all_views(photos, plan, 2, BrightFinder))
    assert [view.photo for view in alone] == [n for n in range(6) for _ in range(2)]
    assert sum(bool(view.face.failure) for view in alone) == 4
    for one, other in zip(alone, together, strict=True):
        assert (one.photo, one.mask, one.face.failure) == (
            other.photo,
            other.mask,
            other.face.failure,
        )
        np.testing.assert_array_equal(one.face.crops, other.face.crops)
