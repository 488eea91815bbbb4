"""Enrolling and looking after people from the command line."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from index.gallery.gallery import open_gallery
from index.search.open_search import newest_snapshot
from tests.fakes.faces_for_index import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    SquareFinder,
    draw_photo,
)

YESTERDAY = str(date.today() - timedelta(days=1))
TOMORROW = str(date.today() + timedelta(days=1))


@pytest.fixture
def people(tmp_path):
    folder = tmp_path / "people"
    draw_photo(folder / "Red One" / "1.png", RED)
    draw_photo(folder / "Red One" / "2.png", (240, 8, 8))
    draw_photo(folder / "Green" / "1.png", GREEN)
    draw_photo(folder / "Nobody" / "1.png")
    draw_photo(folder / "Two" / "1.png", RED, BLUE)
    draw_photo(folder / "evil\nname" / "1.png", RED)
    draw_photo(folder / ("x" * 250) / "1.png", RED)
    draw_photo(folder / "Zo\u00eb \u674e" / "1.png", BLUE)
    return folder


def names(tmp_path):
    with open_gallery(tmp_path / "w" / "gallery") as gallery:
        return [person.name for person in gallery.people()]


def test_folder_of_people_is_enrolled_and_every_failure_reported(
    call, people, tmp_path
):
    done = call("enroll", "--folder", people, "--workers", 1, code=2)
    assert "4 photos added, 0 already enrolled, 4 skipped; the gallery holds 3" in (
        done.output
    )
    for words in ("no face found", "2 faces", "control character", "1 to 200 char"):
        assert words in done.stderr
    assert names(tmp_path) == ["Green", "Red One", "Zo\u00eb \u674e"]


def test_second_run_looks_only_at_what_is_missing(call, people, tmp_path, monkeypatch):
    call("enroll", "--folder", people, "--workers", 1, code=2)
    draw_photo(people / "Green" / "2.png", YELLOW)
    looked = []

    class Counting(SquareFinder):
        def find(self, image):
            looked.append(image)
            return super().find(image)

    monkeypatch.setattr("masking.faces.finder.default_finder", Counting)
    call.embedder.embedded = 0
    record = json.loads(
        call("enroll", "--folder", people, "--workers", 1, "--json", code=2).stdout
    )
    assert record["added"] == [str(people / "Green" / "2.png")]
    assert (len(record["known"]), len(record["failures"])) == (4, 4)
    assert call.embedder.embedded == 1
    # The new one, and the two without exactly one face; names fail before.
    assert len(looked) == 3


def test_table_is_enrolled_with_masks_apart(call, tmp_path):
    draw_photo(tmp_path / "unmasked.png", RED)
    draw_photo(tmp_path / "masked.png", BLUE)
    table = tmp_path / "people.csv"
    table.write_text(
        "person,file,masked\nA,unmasked.png,no\nA,masked.png,yes\nA,missing.png,\n"
    )
    done = call("enroll", "--csv", table, "--workers", 1, code=2)
    assert "missing.png: cannot be read" in done.stderr
    with open_gallery(tmp_path / "w" / "gallery") as gallery:
        templates = gallery.templates()
    assert templates.masked.tolist() == [False, True]
    assert "2 embeddings" in call("gallery", "export", tmp_path / "a.npz").output
    with np.load(tmp_path / "a.npz") as arrays:
        unmasked, masked = arrays["embeddings"]
        under, none = arrays["masked_references"]
    np.testing.assert_allclose(
        [unmasked, masked], np.array([RED, BLUE]) / 255, atol=0.03
    )
    assert np.isnan(none).all()
    wanted = [unmasked, (masked + under) / 2]
    np.testing.assert_allclose(templates.matrix, wanted, atol=1e-6)


def test_masked_photos_of_one_person(call, tmp_path):
    call("enroll", "A", draw_photo(tmp_path / "1.png", RED), "--masked")
    with open_gallery(tmp_path / "w" / "gallery") as gallery:
        assert gallery.templates().masked.tolist() == [True]


def test_same_name_twice_is_one_person(call, tmp_path):
    call("enroll", "Zoe\u0308", draw_photo(tmp_path / "1.png", RED))
    done = call("enroll", " Zo\u00eb ", draw_photo(tmp_path / "2.png", BLUE))
    assert names(tmp_path) == ["Zo\u00eb"]
    # As they do not look alike, somebody is asked to look again.
    assert "look again" in done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two\nlines", "control character"),
        ("a/b", "looks like a path"),
        ("x" * 300, "1 to 200 characters, got 300"),
    ],
)
def test_names_that_nobody_can_have(call, tmp_path, name, words):
    photo = draw_photo(tmp_path / "1.png", RED)
    done = call("enroll", name, photo, code=2)
    assert words in done.output
    assert len(done.output.splitlines()) == 1
    call("enroll", "A", photo)
    assert words in call("gallery", "rename", "A", name, code=2).output
    assert names(tmp_path) == ["A"]


def test_nothing_to_enroll(call, tmp_path):
    assert "takes a name and photographs" in call("enroll", code=2).output
    assert "is taken for a name, and no photo" in call("enroll", "A", code=2).output
    draw_photo(tmp_path / "p" / "A" / "1.png")
    failed = call("enroll", "--folder", tmp_path / "p", "--workers", 1, code=2)
    assert "no face found" in failed.output
    late = call("enroll", "A", tmp_path / "p", "--retain-until", "soon", code=2)
    assert "expected a day such as" in late.output


def test_expired_people_are_shown_and_removed(call, tmp_path):
    photos = [draw_photo(tmp_path / f"{c[0]}.png", c) for c in (RED, GREEN)]
    call("enroll", "Old", photos[0], "--retain-until", YESTERDAY)
    call(
        *("enroll", "New", photos[1], "--retain-until", TOMORROW),
        *("--consent", "form 7"),
    )
    shown = call("gallery", "list").output
    today = date.today()
    assert shown.splitlines()[:3] == [
        "name  photos  enrolled    kept until",
        f"New   1       {today}  {TOMORROW}",
        f"Old   1       {today}  {YESTERDAY} EXPIRED",
    ]
    records = json.loads(call("gallery", "list", "--json").stdout)
    assert [(r["name"], r["expired"], r["consent"]) for r in records] == [
        ("New", False, "form 7"),
        ("Old", True, ""),
    ]
    done = call("gallery", "remove", "--expired", "--yes")
    assert "1 person: 1 photo erased" in done.output
    assert names(tmp_path) == ["New"]
    assert "0 people: 0 photos" in call("gallery", "remove", "--expired").output
    call("gallery", "remove", "New", "--expired", code=2)
    call("gallery", "remove", code=2)


def test_terms_can_be_given_later(call, tmp_path):
    photo = draw_photo(tmp_path / "1.png", RED)
    call("enroll", "A", photo)
    call("enroll", "A", photo, "--consent", "form 7", "--retain-until", TOMORROW)
    call("enroll", "A", photo, "--consent", "form 7")
    (record,) = json.loads(call("gallery", "list", "--json").stdout)
    assert (record["consent"], record["retain_until"]) == ("form 7", TOMORROW)
    audit = call("gallery", "audit", "--json").stdout.splitlines()
    actions = [json.loads(line)["action"] for line in audit]
    assert actions == ["add", "terms"]
    assert "  person 1  1 photo\n" in call("gallery", "audit").output


def test_backup_is_made_and_put_back(call, tmp_path):
    call("enroll", "A", draw_photo(tmp_path / "1.png", RED))
    made = call("gallery", "backup").output.strip()
    call("enroll", "B", draw_photo(tmp_path / "2.png", BLUE))
    (tmp_path / "w" / "gallery" / "gallery.sqlite").write_bytes(b"no gallery" * 500)
    assert made in call("gallery", "list", code=2).output
    assert made in call("gallery", "restore", "--yes").output
    assert names(tmp_path) == ["A"]


def test_verify_prints_both_engines(call, tmp_path):
    call("enroll", "A", draw_photo(tmp_path / "1.png", RED))
    lines = call("gallery", "verify").output.splitlines()
    assert lines[0] == "1 person, 1 photo"
    assert lines[2].startswith("exact: recall 100.00%, ")
    assert lines[3].startswith("annoy: recall 100.00%, ")
    assert len(lines) == 4


def test_enrolling_and_removing_leave_an_index_for_the_next_search(
    call, people, tmp_path
):
    def indexed():
        with open_gallery(tmp_path / "w" / "gallery") as gallery:
            return newest_snapshot(gallery).templates.person_ids.tolist()

    call("enroll", "--folder", people, "--workers", 1, code=2)
    assert sorted(set(indexed())) == [1, 2, 3]
    call("gallery", "remove", "Green", "--yes")
    assert len(set(indexed())) == 2
    for name in names(tmp_path):
        call("gallery", "remove", name, "--yes")
    assert list((tmp_path / "w" / "gallery" / "snapshots").iterdir()) == []
