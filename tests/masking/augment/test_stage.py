"""`augment`: every photograph gets a row, any number of workers the same bytes."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masking.augment.config import AugmentConfig
from masking.augment.journal import partial_of
from masking.augment.manifest import MANIFEST, ManifestRow, read_manifest
from masking.augment.photo_step import CHIP_GEOMETRY
from masking.augment.stage import augment, with_known
from masking.datasets.collections import Photo
from masking.datasets.images import encode_image, read_rgb, write_image
from masking.datasets.sample import sample_people
from masking.errors import InvalidConfig, MissingInput
from masking.faces.alignment import crop_chip
from masking.faces.finder import Face, unmasked_finder
from masking.landmarks import FaceBox, Landmarks
from masking.masks.spec import spec_from_json
from masking.rendering.photo_light import look_from_list
from masking.rendering.render import render
from tests.fakes.drawn_people import DrawnFinder, draw_person

CONFIG = AugmentConfig(variants=2, workers=1)
BAD = ["Person_01/cut.jpg", "Person_01/text.jpg", "Person_02/wall.png"]


def contents(folder):
    """All files but the report, which tells how many were used again."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.json"
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two people, two photos each, and three files without a face."""
    folder = tmp_path_factory.mktemp("photos")
    for person in ("Person_01", "Person_02"):
        (folder / person).mkdir()
        for name in ("1.jpg", "2.jpg"):
            shutil.copy(sample_people() / person / name, folder / person / name)
    whole = (folder / "Person_01" / "1.jpg").read_bytes()
    (folder / BAD[0]).write_bytes(whole[: len(whole) // 2])
    (folder / BAD[1]).write_text("Dear diary")
    write_image(folder / BAD[2], np.full((120, 120, 3), 99, np.uint8))
    return folder


@pytest.fixture(scope="module")
def done(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, augment(photos, out, CONFIG, unmasked_finder)


def test_every_photograph_has_a_row(done):
    out, report = done
    rows = {row.photo_id: row for row in read_manifest(out).rows}
    assert sorted(rows) == sorted(
        [f"Person_0{person}/{photo}.jpg" for person in (1, 2) for photo in (1, 2)] + BAD
    )
    reasons = ["damaged", "not an image", "no face found"]
    for name, reason in zip(BAD, reasons, strict=True):
        assert reason in rows[name].failure
        assert (rows[name].chip, rows[name].masked) == ("", [])
    assert [len(rows[name].sha256) for name in BAD] == [64] * 3
    assert set(report.skipped) == set(BAD)
    assert (report.photos, report.people, report.chips, report.masked) == (7, 2, 4, 8)
    assert (report.reused, report.exit_code) == (0, 2)


def test_chips_and_masked_chips_are_where_the_rows_say(done):
    out, report = done
    manifest = read_manifest(out)
    assert manifest.geometry == CHIP_GEOMETRY
    kinds = Counter()
    for row in manifest.faces():
        chip = read_rgb(out / row.chip).astype(int)
        assert chip.shape == (230, 230, 3)
        assert row.detector == "yunet"
        # Chips show the face in the same place: the eyes lie on the target.
        eyes = np.array(row.chip_landmarks)[36:48]
        np.testing.assert_allclose(eyes, CHIP_GEOMETRY.targets()[36:48], atol=12)
        assert len(row.masked) == 2
        for item in row.masked:
            change = np.abs(read_rgb(out / item.file) - chip).mean(axis=2)
            assert change[:55].mean() < 3  # the forehead: JPEG only
            assert change[125:175, 75:155].mean() > 5  # mouth and chin
            kinds[item.specs[0]["kind"]] += 1
    assert dict(kinds) == report.kinds


def test_report_and_preview_are_written(done):
    out, report = done
    record = json.loads((out / "report.json").read_text())
    assert record["chips"] == 4
    assert record["skipped"] == report.skipped
    assert sum(record["wearing_styles"].values()) == sum(record["kinds"].values()) == 8
    preview = read_rgb(out / "preview.png")
    assert preview.shape[1] > preview.shape[0] > 180
    assert preview.std() > 20
    assert not partial_of(out / MANIFEST).exists()


def test_two_workers_write_the_same_bytes(photos, done, tmp_path):
    report = augment(photos, tmp_path, replace(CONFIG, workers=2), unmasked_finder)
    assert report == done[1]
    assert contents(tmp_path) == contents(done[0])
    assert len(contents(tmp_path)) == 4 + 8 + 2  # chips, masked, manifest, preview


@pytest.fixture
def drawn(tmp_path):
    """Three drawn people, three photos each, one of them without a face."""
    for person in range(3):
        (tmp_path / "drawn" / str(person)).mkdir(parents=True)
        for photo in range(3):
            path = tmp_path / "drawn" / str(person) / f"{photo}.png"
            draw_person(path, person + 9, photo, found=(person, photo) != (1, 1))
    return tmp_path / "drawn"


def test_a_second_run_uses_all_chips_again(drawn, tmp_path):
    out = tmp_path / "out"
    first = augment(drawn, out, CONFIG, DrawnFinder)
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*-?.jpg")}
    second = augment(drawn, out, CONFIG, DrawnFinder)
    assert (first.chips, first.reused) == (8, 0)
    assert second == replace(first, reused=8)  # failures are tried again
    assert contents(out) == before
    assert len(times) == 16
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*-?.jpg")}


class MarkedFinder(DrawnFinder):
    """Tells by the detector's name that it is the one for masked faces."""

    def find(self, image):
        return [
            replace(face, box=replace(face.box, detector="for masked"))
            for face in super().find(image)
        ]


def test_photos_with_real_masks_are_cut_and_get_no_other(drawn, tmp_path):
    out = tmp_path / "out"
    config = replace(CONFIG, output="both")
    augment(drawn, out, config, DrawnFinder, MarkedFinder)
    (drawn / "labels.csv").write_text("person,file,mask\n0,0/1.png,cloth\n")
    report = augment(drawn, out, config, DrawnFinder, MarkedFinder)
    # Only the photo that the table names is made again.
    assert (report.reused, report.faces, report.masked) == (7, 8, 14)
    manifest = read_manifest(out)
    (row,) = manifest.masked_faces()
    assert (row.photo_id, row.detector) == ("0/1.png", "for masked")
    assert (row.masked, row.photos) == ([], [])
    assert row.files() == ["chips/0/1.png.jpg"]
    assert len(manifest.faces()) == 7
    assert not any(face.wears_mask for face in manifest.faces())


def test_several_collections_become_one_record(drawn, tmp_path):
    other = tmp_path / "other"
    (other / "9").mkdir(parents=True)
    draw_person(other / "9" / "1.png", 7, 1)
    out = tmp_path / "out"
    report = augment([other, drawn], out, CONFIG, DrawnFinder)
    rows = read_manifest(out).rows
    assert (report.photos, report.faces, len(rows)) == (10, 9, 10)
    assert (rows[0].photo_id, rows[0].collection) == ("drawn/0/0.png", "drawn")
    last = rows[-1]
    assert (last.photo_id, last.identity, last.collection) == (
        *("other/9/1.png", "9", "other"),
    )
    assert (out / last.chip).is_file()


def test_faces_without_names_are_cut_and_are_nobodys(drawn, tmp_path):
    street = tmp_path / "street" / "0"
    street.mkdir(parents=True)
    draw_person(street / "1.png", 7, 1)
    out, folders = tmp_path / "out", [drawn, tmp_path / "street"]
    named = augment(folders, out, CONFIG, DrawnFinder)
    nameless = augment(
        drawn, out, CONFIG, DrawnFinder, unlabelled=[tmp_path / "street"]
    )
    # Whose it is has changed: it is made again.
    assert (named.people, nameless.people, nameless.reused) == (3, 3, 8)
    (row,) = read_manifest(out).unlabelled_faces()
    assert (row.photo_id, row.identity) == ("street/0/1.png", "")
    assert (out / row.chip).is_file() and len(row.masked) == 2
    assert len(read_manifest(out).faces()) == 8


def test_changed_photos_and_lost_files_are_made_again(drawn, tmp_path):
    out = tmp_path / "out"
    augment(drawn, out, CONFIG, DrawnFinder)
    before = contents(out)
    lost = next(iter(sorted((out / "masked").rglob("*.jpg"))))
    lost.unlink()
    assert augment(drawn, out, CONFIG, DrawnFinder).reused == 7
    assert contents(out) == before
    draw_person(drawn / "2" / "2.png", 20, 0)
    (drawn / "0" / "0.png").unlink()
    report = augment(drawn, out, CONFIG, DrawnFinder)
    assert (report.photos, report.chips, report.reused) == (8, 7, 6)


@pytest.mark.parametrize("damage", [b"", b"more"])
def test_a_damaged_file_of_an_earlier_run_is_made_again(drawn, tmp_path, damage):
    out = tmp_path / "out"
    augment(drawn, out, CONFIG, DrawnFinder)
    before = contents(out)
    chip = min((out / "chips").rglob("*.jpg"))
    chip.write_bytes(damage and chip.read_bytes() + damage)
    assert augment(drawn, out, CONFIG, DrawnFinder).reused == 7
    assert contents(out) == before


class StoppingFinder(DrawnFinder):
    """Is interrupted at its fifth photograph."""

    seen = 0

    def find(self, image):
        self.seen += 1
        if self.seen == 5:
            raise KeyboardInterrupt
        return super().find(image)


def test_an_interrupted_run_ends_like_an_uninterrupted_one(drawn, tmp_path):
    out, straight = tmp_path / "out", tmp_path / "straight"
    with pytest.raises(KeyboardInterrupt):
        augment(drawn, out, CONFIG, StoppingFinder)
    assert partial_of(out / MANIFEST).is_file()
    assert not (out / MANIFEST).exists()
    with partial_of(out / MANIFEST).open("ab") as file:
        file.write(b'{"photo_id": "1/1.p')  # killed while it wrote
    report = augment(drawn, out, CONFIG, DrawnFinder)
    assert report.reused == 4
    augment(drawn, straight, CONFIG, DrawnFinder)
    assert contents(out) == contents(straight)


def test_options_decide_the_masks_and_only_they(drawn, tmp_path):
    def masks(name, **changes):
        augment(drawn, tmp_path / name, replace(CONFIG, **changes), DrawnFinder)
        rows = read_manifest(tmp_path / name).faces()
        return [item.specs[0] for row in rows for item in row.masked]

    plain = masks("a")
    other = masks("b", seed=1)
    assert len(plain) == len(other) == 16
    assert all(one != two for one, two in zip(plain, other, strict=True))
    # More variants leave the first ones as they are.
    more = masks("c", variants=3)
    assert [spec for number, spec in enumerate(more) if number % 3 < 2] == plain
    only = masks("d", kinds="cloth, gaiter", wrongly_worn=0.0)
    assert {spec["kind"] for spec in only} == {"cloth", "gaiter"}
    assert {spec["wearing_style"] for spec in only} == {"correct"}
    # Other options in the same folder: nothing old is left in the record.
    assert masks("a", seed=1) == other


def test_photos_with_similar_names_keep_their_own_chips(tmp_path):
    source, out = tmp_path / "photos", tmp_path / "out"
    names = ["a.b/1.png", "a_b/1.png", "a_b/1.jpg", "a_b/1.png.png", "a_b/1_png.png"]
    for number, name in enumerate(names):
        draw_person(source / name, number + 9, 0)
    augment(source, out, replace(CONFIG, variants=1), DrawnFinder)
    rows = read_manifest(out).rows
    assert [row.photo_id for row in rows] == sorted(names)
    assert len({row.chip for row in rows}) == 5
    assert len({row.masked[0].file for row in rows}) == 5
    for row in rows:
        middle = read_rgb(out / row.chip)[90:110, 90:110].mean(axis=(0, 1))
        expected = read_rgb(source / row.photo_id)[24, 24]
        np.testing.assert_allclose(middle, expected, atol=3)


def test_a_photo_that_vanishes_is_reported(drawn, tmp_path):
    out = tmp_path / "out"
    augment(drawn, out, CONFIG, DrawnFinder)
    draw_person(drawn / "0" / "0.png", 20, 0)

    class Remover(DrawnFinder):
        def find(self, image):
            (drawn / "0" / "2.png").unlink(missing_ok=True)
            return super().find(image)

    report = augment(drawn, out, CONFIG, Remover)
    assert "cannot be read" in report.skipped["0/2.png"]
    assert (report.photos, report.chips) == (9, 7)


def test_photos_without_any_face_end_with_code_1(tmp_path):
    draw_person(tmp_path / "photos" / "Ann" / "1.png", 9, 0, found=False)
    report = augment(tmp_path / "photos", tmp_path / "out", CONFIG, DrawnFinder)
    assert (report.chips, report.exit_code) == (0, 1)
    assert read_manifest(tmp_path / "out").faces() == []
    assert not (tmp_path / "out" / "preview.png").exists()


def test_mistakes_are_refused_before_anything_is_written(drawn, tmp_path):
    out, empty = tmp_path / "out", tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidConfig, match="mask kinds bucket"):
        augment(drawn, out, replace(CONFIG, kinds="cloth,bucket"), DrawnFinder)
    for missing, reason in ((empty, "no image"), (tmp_path / "no", "no such folder")):
        with pytest.raises(MissingInput, match=reason):
            augment(missing, out, CONFIG, DrawnFinder)
    assert not out.exists()
    wrongs: list[dict[str, Any]]
    wrongs = [{"variants": -1}, {"seed": -1}, {"workers": -1}, {"variants": 101}]
    for wrong in wrongs:
        with pytest.raises(InvalidConfig, match=next(iter(wrong))):
            replace(CONFIG, **wrong)


def pictures(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*.jpg")}


def test_pictures_of_photos_that_were_taken_out_are_deleted(drawn, tmp_path):
    source, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(drawn, source)
    augment(source, out, CONFIG, DrawnFinder)
    gone, *others = read_manifest(out).faces()
    (source / gone.photo_id).unlink()
    (out / "chips" / "album.jpg").write_bytes(b"somebody's own")
    report = augment(source, out, replace(CONFIG, variants=1), DrawnFinder)
    assert report.chips == len(others)
    rows = read_manifest(out).faces()
    named = {name for r in rows for name in (r.chip, r.masked[0].file)}
    assert pictures(out) == named | {"chips/album.jpg"}
    # A chip and two masked ones of the lost photo, the second masked one of the rest.
    assert report.deleted == 3 + len(others)
    assert json.loads((out / "report.json").read_text())["deleted"] == report.deleted


def test_pictures_of_a_killed_run_with_other_options_are_deleted(drawn, tmp_path):
    out = tmp_path / "out"
    killed = augment(drawn, out, replace(CONFIG, variants=3), DrawnFinder)
    # As a kill before the end leaves it: a journal, no manifest.
    (out / MANIFEST).rename(partial_of(out / MANIFEST))
    report = augment(drawn, out, CONFIG, DrawnFinder)
    rows = read_manifest(out).faces()
    assert pictures(out) == {name for row in rows for name in row.files()}
    assert report.deleted == killed.masked // 3
    assert augment(drawn, out, CONFIG, DrawnFinder).deleted == 0


def test_photographs_where_pictures_are_written_are_refused(drawn, tmp_path):
    source = tmp_path / "photos"
    shutil.copytree(drawn, source)
    before = contents(source)
    with pytest.raises(InvalidConfig, match="lies in the folder of photographs"):
        augment(source, source / "workspace" / "augmented", CONFIG, DrawnFinder)
    with pytest.raises(InvalidConfig, match="where pictures are written and replaced"):
        augment(source, tmp_path, CONFIG, DrawnFinder)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photos").symlink_to(source)
    with pytest.raises(InvalidConfig, match=r"out/photos: lies in the folder of"):
        augment(source, tmp_path / "out", CONFIG, DrawnFinder)
    prints = replace(CONFIG, textures=str(tmp_path / "prints" / "masked"))
    with pytest.raises(InvalidConfig, match=r"prints/masked: lies in .*/prints, where"):
        augment(source, tmp_path / "prints", prints, DrawnFinder)
    assert contents(source) == before


def outputs(drawn, out, **changes):
    report = augment(drawn, out, replace(CONFIG, **changes), DrawnFinder)
    return report, read_manifest(out)


def test_the_record_repaints_the_same_masks(drawn, tmp_path):
    _, manifest = outputs(drawn, tmp_path / "out", occluded=0.5)
    rendered = 0
    for row in manifest.faces():
        # A chip's file has been through JPEG: cut it again.
        marks = Landmarks(np.array(row.landmarks, np.float32))
        image = read_rgb(drawn / row.photo_id)
        chip = crop_chip(image, marks, manifest.geometry, "").pixels
        for item in row.masked:
            specs = [spec_from_json(spec) for spec in item.specs]
            marks = Landmarks(np.array(row.chip_landmarks, np.float32))
            again = render(chip, marks, specs, look_from_list(row.look)).pixels
            file = (tmp_path / "out" / item.file).read_bytes()
            assert encode_image(again, ".jpg") == file
            assert item.wearing_style == specs[0].wearing_style
            rendered += len(specs)
    assert rendered > 16  # some wear a second thing


def test_whole_photographs_alone(drawn, tmp_path):
    out = tmp_path / "out"
    report, manifest = outputs(drawn, out, output="photo", variants=1, alpha=True)
    assert (report.faces, report.chips, report.masked) == (8, 0, 0)
    assert (report.masked_photos, sum(report.kinds.values())) == (8, 8)
    assert manifest.faces() == []  # nothing to train on
    assert not (out / "chips").exists() and not (out / "masked").exists()
    assert (out / "preview.png").is_file()
    for row in [row for row in manifest.rows if not row.failure]:
        (photo,) = row.photos
        assert photo.file == f"photos/{row.photo_id}-0.png"  # as its source
        unmasked, masked = read_rgb(drawn / row.photo_id), read_rgb(out / photo.file)
        alpha = read_rgb(out / photo.alpha)[..., 0]
        assert unmasked.shape == masked.shape
        assert photo.parts == ""
        changed = (unmasked != masked).any(axis=2)
        assert changed[alpha > 128].mean() > 0.9
        assert 0.1 < (alpha > 128).mean() < 0.9
        assert row.face_landmarks == [row.landmarks]


class TwoFinder(DrawnFinder):
    """Sees a face in the left half of a picture, and a smaller one in the right."""

    def find(self, image):
        height, width = image.shape[:2]
        left = FaceBox(0, 0, width / 2, height / 2, 1.0, "drawn")
        right = FaceBox(0.6 * width, 0, 0.9 * width, 0.3 * height, 1.0, "drawn")
        return [Face(box, self.landmarks_in(image, box)) for box in (left, right)]


def test_all_faces_or_the_prominent_one_are_masked(tmp_path):
    wide = np.full((120, 240, 3), 150, np.uint8)
    write_image(tmp_path / "photos" / "Ann" / "1.png", wide)
    made = {}
    for faces in ("all", "prominent"):
        config = replace(CONFIG, output="both", variants=1, faces=faces)
        augment(tmp_path / "photos", tmp_path / faces, config, TwoFinder)
        (row,) = read_manifest(tmp_path / faces).rows
        assert row.faces == len(row.face_landmarks) == 2
        changed = read_rgb(tmp_path / faces / row.photos[0].file) != wide
        made[faces] = changed[:, :120].any(), changed[:, 150:].any()
        worn = row.photos[0].worn
        assert [item.face for item in worn] == [0, 1][: len(worn)]
        # The prominent face wears in the photograph what it wears in the chip.
        assert worn[0].specs == row.masked[0].specs
    assert made == {"all": (True, True), "prominent": (True, False)}


def test_a_crop_is_a_face_only_when_asked(drawn, tmp_path):
    report, _ = outputs(drawn, tmp_path / "a")
    assert report.skipped == {"1/1.png": "1/1.png: no face found."}
    assert (report.unread, report.exit_code) == ([], 0)
    report, manifest = outputs(drawn, tmp_path / "b", crop_is_face=True)
    assert report.skipped == {}
    assert report.detectors == {"drawn": 8, "crop": 1}
    (row,) = [row for row in manifest.rows if row.detector == "crop"]
    assert row.photo_id == "1/1.png"
    assert len(row.masked) == 2


def test_what_is_passed_over_is_reported(drawn, tmp_path):
    source = tmp_path / "photos"
    shutil.copytree(drawn, source)
    (source / "0" / "moving.gif").write_bytes(b"GIF89a")
    (source / "loose.png").write_bytes(b"")
    report, manifest = outputs(source, tmp_path / "out")
    assert set(report.skipped) == {"0/moving.gif", "1/1.png", "loose.png"}
    assert ".gif files are not read" in report.skipped["0/moving.gif"]
    assert "no person's folder" in report.skipped["loose.png"]
    assert (report.photos, report.people) == (11, 3)
    assert len(manifest.rows) == 11
    # The third has no face, but was read.
    assert report.unread == ["0/moving.gif", "loose.png"]
    assert report.exit_code == 2


def test_other_pictures_of_prints_make_the_masks_again(drawn, tmp_path):
    prints, out = tmp_path / "prints", tmp_path / "out"
    write_image(prints / "a.png", np.full((32, 32, 3), 200, np.uint8))
    options = {"textures": str(prints), "kinds": "cloth", "variants": 1}
    first, manifest = outputs(drawn, out, **options)
    worn = [row.masked[0].specs[0]["texture_sha256"] for row in manifest.faces()]
    (recorded,) = manifest.config["textures"]
    assert set(worn) == {"", recorded}  # half of them
    assert outputs(drawn, out, **options)[0].reused == first.faces == 8
    write_image(prints / "a.png", np.full((32, 32, 3), 90, np.uint8))
    assert outputs(drawn, out, **options)[0].reused == 0


def test_options_that_are_no_choice_are_refused():
    wrongs: list[dict[str, Any]] = [{"output": "video"}, {"faces": "none"}]
    for wrong in wrongs:
        with pytest.raises(InvalidConfig, match=next(iter(wrong))):
            replace(CONFIG, **wrong)


def test_earlier_rows_are_paired_with_photographs():
    photos = [Photo(Path(name), "Ann", name) for name in "bdf"]
    rows = [ManifestRow(name, "Ann", "") for name in "abcfg"]
    pairs = with_known(photos, iter(rows))
    found = [(photo.photo_id, row and row.photo_id) for photo, row in pairs]
    assert found == [("b", "b"), ("d", None), ("f", "f")]
