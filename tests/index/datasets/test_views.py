"""Photographs to views with fake finders and renderers on drawn pictures."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from index.datasets.views import (
    CROP_BOX,
    CROP_DETECTOR,
    ViewPlan,
    all_views,
    photo_views,
    read_labelled_photos,
    read_people,
)
from masking.datasets.collections import LabelledPhoto
from masking.datasets.images import write_image
from masking.errors import BadRecord, MissingInput, NoFace
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


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not looked at")


def labels(folder: Path, text: str) -> None:
    (folder / "labels.csv").write_text(text, encoding="utf-8")


def test_the_folder_names_the_person(tmp_path):
    touch(tmp_path, "Ann/2020/1.jpg", "Ann/2021/2.png", "Bob/1.jpg", "Bob/notes.txt")
    photos = read_labelled_photos(tmp_path)
    assert photos == [
        LabelledPhoto(tmp_path / "Ann/2020/1.jpg", "Ann/2020/1.jpg", "Ann"),
        LabelledPhoto(tmp_path / "Ann/2021/2.png", "Ann/2021/2.png", "Ann"),
        LabelledPhoto(tmp_path / "Bob/1.jpg", "Bob/1.jpg", "Bob"),
    ]
    assert not any(photo.masked for photo in photos)


def test_photographs_outside_of_a_person_folder_are_refused(tmp_path):
    touch(tmp_path, "Ann/1.jpg", "loose.jpg")
    with pytest.raises(BadRecord, match=r"1 pictures .*loose\.jpg: lies in no"):
        read_labelled_photos(tmp_path)


def test_labels_say_person_and_mask(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    labels(
        tmp_path,
        "\ufeffperson,file,mask,note\nAnn,a.jpg,no-mask,x\nAnn,b.jpg,cloth_red,y\n",
    )
    plain, masked = read_labelled_photos(tmp_path)
    assert (plain.person, plain.mask, plain.masked) == ("Ann", "no-mask", False)
    assert (masked.name, masked.mask, masked.masked) == ("b.jpg", "cloth_red", True)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("person,file\nAnn,a.jpg\n", BadRecord, "column mask is missing, found person"),
        ("", BadRecord, "found nothing"),
        ("person,file,mask\n", MissingInput, "holds no row"),
        ("person,file,mask\nAnn,gone.jpg,no-mask\n", MissingInput, "first gone.jpg"),
        ("person,file,mask\nAnn,,no-mask\n", BadRecord, "line 2: empty field"),
        ("person,file,mask\nAnn,a.jpg\n", BadRecord, "line 2: empty field"),
        ("person,file,mask\nAnn,../a.jpg,x\n", BadRecord, "leaves the folder"),
        ("person,file,mask\nAnn,/a.jpg,x\n", BadRecord, "leaves the folder"),
        ("person,file,mask\nA,a.jpg,x\nB,a.jpg,x\n", BadRecord, "has two rows"),
    ],
)
def test_broken_labels_get_one_clear_line(tmp_path, text, error, message):
    touch(tmp_path, "a.jpg")
    labels(tmp_path, text)
    with pytest.raises(error, match=message) as caught:
        read_labelled_photos(tmp_path)
    assert "\n" not in str(caught.value)


def test_labels_in_another_encoding_are_refused(tmp_path):
    (tmp_path / "labels.csv").write_bytes(
        "person,file,mask\nZoë,a,b".encode("utf-16-le")
    )
    with pytest.raises(BadRecord, match="Expected CSV in UTF-8"):
        read_labelled_photos(tmp_path)


def test_only_listed_people_are_kept(tmp_path):
    touch(tmp_path, "lfw/Ann/1.jpg", "lfw/Ann/2.jpg", "lfw/Bob/1.jpg")
    people = tmp_path / "people.txt"
    people.write_text("1\nAnn\t2\n")
    photos = read_labelled_photos(tmp_path / "lfw", people)
    assert [photo.name for photo in photos] == ["Ann/1.jpg", "Ann/2.jpg"]
    people.write_text("2\nAnn\t2\nBob\t3\n")
    with pytest.raises(MissingInput, match=r"1 of its 2 people .* Bob \(1 of 3\)"):
        read_labelled_photos(tmp_path / "lfw", people)


@pytest.mark.parametrize(
    "text", ["", "2\nAnn\t1\n", "Ann\t1\n", "1\nAnn 1\n", "1\nAnn\tmany\n", "0\n"]
)
def test_other_files_are_no_list_of_people(tmp_path, text):
    people = tmp_path / "people.txt"
    people.write_text(text)
    with pytest.raises(BadRecord, match="not a list of people"):
        read_people(people)


def test_decomposed_names_and_a_mark_make_no_other_people(tmp_path):
    zoe = "Zo\u00eb"
    apart = unicodedata.normalize("NFD", zoe)
    touch(tmp_path, f"lfw/{apart}/1.jpg", "b.jpg")
    people = tmp_path / "people.txt"
    people.write_text(f"\ufeff1\n{zoe}\t1\n", encoding="utf-8")
    assert len(read_labelled_photos(tmp_path / "lfw", people)) == 1
    labels(tmp_path, f"person,file,mask\n{apart},b.jpg,no-mask\n")
    assert [photo.person for photo in read_labelled_photos(tmp_path)] == [zoe]


def test_a_missing_list_of_people_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"gone\.txt: no such file"):
        read_people(tmp_path / "gone.txt")


DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.realdata
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real photographs in {DATA}")
def test_the_published_collections_have_their_known_size():
    masked = read_labelled_photos(DATA / "mfr2-a")
    assert len(masked) == 134
    assert sum(photo.masked for photo in masked) == 86
    test_people = DATA / "lfw-protocol" / "peopleDevTest.txt"
    photos = read_labelled_photos(DATA / "lfw", test_people)
    assert len(photos) == 3708
    assert len({photo.person for photo in photos}) == 1711
