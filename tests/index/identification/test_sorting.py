"""Photographs go into a folder a person; unknown ones are grouped."""

from pathlib import Path

import numpy as np
import pytest

from index.calibration import decision as deciding
from index.enrollment.stage import enroll
from index.gallery.gallery import open_or_create_gallery
from index.identification.sorting import group_faces, sort_photos
from masking.errors import InvalidConfig
from masking.faces.finder import AlignedFace
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.faces_for_index import (
    BLUE,
    GREEN,
    RED,
    ColourEmbedder,
    SquareFinder,
    draw_photo,
)
from training.embedders.embedded_face import EmbeddedFace


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    monkeypatch.setattr(
        deciding, "default_calibration", lambda cohort: flat_calibration(0.25)
    )
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    drawn = [
        draw_photo(folder / "a" / "1.png", RED),
        draw_photo(folder / "b" / "1.png", (240, 10, 10)),
        draw_photo(folder / "green.png", GREEN),
        draw_photo(folder / "blue.png", BLUE),
        draw_photo(folder / "also blue.png", (9, 9, 240)),
        draw_photo(folder / "nobody.png"),
        folder / "text.jpg",
        folder / "link.png",
    ]
    drawn[-2].write_text("no image")
    drawn[-1].symlink_to(drawn[0])
    return drawn


def sort(photos, gallery, out, link=False):
    return sort_photos(photos, gallery, ColourEmbedder(), SquareFinder(), out, link)


def laid_out(out):
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


def test_names_groups_and_photos_without_a_face(gallery, photos, tmp_path):
    known = draw_photo(tmp_path / "known.png", RED)
    enroll("Red", [known], gallery, ColourEmbedder(), SquareFinder())
    report = sort(photos, gallery, tmp_path / "out")
    assert laid_out(tmp_path / "out") == [
        "Red/1-2.png",
        "Red/1.png",
        "no-face/nobody.png",
        "unknown-01/also blue.png",
        "unknown-01/blue.png",
        "unknown-02/green.png",
    ]
    assert dict(report.folders) == {
        "Red": 2,
        "no-face": 1,
        "unknown-01": 2,
        "unknown-02": 1,
    }
    assert [Path(name).name for name in report.unread] == ["text.jpg", "link.png"]
    assert "is a link" in report.unread[str(photos[-1])]
    copied = tmp_path / "out" / "Red" / "1-2.png"
    assert copied.read_bytes() == photos[1].read_bytes()
    assert report.exit_code == 2


def test_a_face_that_two_names_are_likely_of_is_not_sorted_under_one(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(
        deciding, "default_calibration", lambda cohort: flat_calibration(0.25, alike=50)
    )
    red = draw_photo(tmp_path / "red.png", RED)
    like = draw_photo(tmp_path / "like.png", (245, 8, 5))
    with open_or_create_gallery(tmp_path / "two", ColourEmbedder()) as gallery:
        for name, photo in (("Ada", red), ("Ben", like)):
            enroll(name, [photo], gallery, ColourEmbedder(), SquareFinder())
        report = sort([red], gallery, tmp_path / "out")
    assert report.folders == {"unsure": 1}


@pytest.mark.parametrize("name", ["unknown-01", "unknown-117", "unsure", "no-face"])
def test_a_folder_that_sorting_made_is_nobodys_name(gallery, tmp_path, name):
    photo = draw_photo(tmp_path / name / "1.png", RED)
    with pytest.raises(InvalidConfig, match="have no name yet"):
        enroll(name, [photo], gallery, ColourEmbedder(), SquareFinder())


def test_empty_gallery_groups_everybody_and_links(gallery, photos, tmp_path):
    sort(photos[:5], gallery, tmp_path / "out", link=True)
    names = {name.split("/")[0] for name in laid_out(tmp_path / "out")}
    assert names == {"unknown-01", "unknown-02", "unknown-03"}
    assert photos[2].samefile(tmp_path / "out" / "unknown-03" / "green.png")


def test_nothing_is_replaced(gallery, photos, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("full", "file", "link"):
        with pytest.raises(InvalidConfig, match="not an empty folder"):
            sort(photos, gallery, tmp_path / name)


def test_groups_join_what_lies_within_the_threshold(gallery):
    def faces(*values):
        for value in values:
            crop = np.zeros((32, 32, 3), np.uint8)
            row = np.array([value, 0, 0], np.float32)
            yield EmbeddedFace(AlignedFace("x", crops=(crop,)), row)

    # At .5: 0 and .4 are one; 2, 2.1 and 2.4 are one, the larger group.
    groups = group_faces(list(faces(0, 2, 0.4, 2.1, 2.4)), gallery, ColourEmbedder())
    assert groups.tolist() == [1, 0, 1, 0, 0]
    assert group_faces([], gallery, ColourEmbedder()).tolist() == []
