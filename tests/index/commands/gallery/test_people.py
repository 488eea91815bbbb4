"""Photos of people from the command line: shown, taken out, moved, merged."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cli
from index.gallery.gallery import open_gallery
from masking.datasets.images import read_rgb
from tests.fakes.faces_for_index import BLUE, RED, draw_photo

LIGHT_RED = (240, 8, 8)
ROOT = Path(cli.__file__).parent


@pytest.fixture
def mixed(call, tmp_path):
    """Red has a blue photo as number 2; Blue has one photo."""
    photos = [
        draw_photo(tmp_path / f"{name}.png", colour)
        for name, colour in (("one", RED), ("wrong", BLUE), ("three", LIGHT_RED))
    ]
    call("enroll", "Red", *photos, "--unmasked")
    own = draw_photo(tmp_path / "own.png", (8, 8, 240))
    call("enroll", "Blue", own, "--unmasked")
    return call


def shown(call, name):
    return json.loads(call("gallery", "show", name, "--json").stdout)


def template(tmp_path, name):
    with open_gallery(tmp_path / "w" / "gallery") as gallery:
        (number,) = (p.person_id for p in gallery.people() if p.name == name)
        return gallery.person_template(number, masked=False)


def test_photos_are_numbered_and_drawn_on_a_sheet(mixed, tmp_path):
    lines = mixed("gallery", "show", "Red", "--sheet", tmp_path / "s.png").output
    assert [line.split()[0] for line in lines.splitlines()] == ["number", "1", "2", "3"]
    sheet = read_rgb(tmp_path / "s.png")
    # Tiles of 180 px with gaps of 8, chips of 32 px in their upper left corners.
    for place, colour in enumerate((RED, BLUE, LIGHT_RED)):
        tile = sheet[12:36, 12 + 188 * place : 36 + 188 * place]
        assert np.abs(tile.astype(int) - colour).max() < 12
    done = mixed("gallery", "show", "Red", "--sheet", tmp_path / "s.jpg", code=2)
    assert "a contact sheet is a PNG" in done.output


def test_one_photo_is_erased_and_the_template_follows(mixed, tmp_path):
    assert template(tmp_path, "Red")[2] > 0.3
    done = mixed("gallery", "remove", "Red", "--photo", 2, "--yes")
    assert "Red: 1 photo erased" in done.output
    assert [Path(p["source"]).name for p in shown(mixed, "Red")] == [
        "one.png",
        "three.png",
    ]
    np.testing.assert_allclose(
        template(tmp_path, "Red"), np.array([245, 6.5, 6.5]) / 255, atol=0.03
    )
    for number in (0, 3):
        done = mixed("gallery", "remove", "Red", "--photo", number, "--yes", code=2)
        assert f"photos 1 to 2, none with the number {number}" in done.output
    words = ("gallery", "remove", "Red", "--photo", 1, "--photo", 2, "--yes")
    assert "left without a photo" in mixed(*words, code=2).output


def test_photo_is_moved_to_whom_it_shows(mixed, tmp_path):
    done = mixed("gallery", "move", "Red", "--photo", 2, "--to", "Blue")
    assert "1 photo moved to Blue" in done.output
    assert [Path(p["source"]).name for p in shown(mixed, "Blue")] == [
        "wrong.png",
        "own.png",
    ]
    assert template(tmp_path, "Red")[2] < 0.05
    # Seals name the owner: those of the moved photo fit the new one.
    assert "2 people, 4 photos" in mixed("gallery", "verify").output
    move = ("gallery", "move", "Red", "--photo", 1, "--to")
    assert "was given twice" in mixed(*move, "Red", code=2).output
    assert "Did you mean" in mixed(*move, "Blu", code=2).output
    audit = mixed("gallery", "audit").output
    assert "move    person 1  1 photo to person 2" in audit


def test_merged_person_has_all_photos_and_the_stricter_terms(mixed, tmp_path):
    own = tmp_path / "own.png"
    mixed(
        "enroll",
        "Red",
        own,
        "--unmasked",
        "--consent",
        "f 1",
        "--retain-until",
        "2099-01-01",
        "--allow-duplicate",
    )
    terms = ("--consent", "f 2", "--retain-until", "2098-01-01")
    mixed("enroll", "Blue", own, "--allow-duplicate", *terms)
    done = mixed("gallery", "merge", "Red", "Blue", "--yes")
    # Red had this photograph already.
    assert "0 photos moved, 1 already there, kept until 2098-01-01" in done.output
    (record,) = json.loads(mixed("gallery", "list", "--json").stdout)
    assert (record["name"], record["photo_count"]) == ("Red", 4)
    assert (record["consent"], record["retain_until"]) == ("f 1; f 2", "2098-01-01")
    assert "1 person, 4 photos" in mixed("gallery", "verify").output


@pytest.mark.parametrize(
    "words",
    [
        ("remove", "Red"),
        ("remove", "Red", "--photo", 2),
        ("merge", "Red", "Blue"),
        ("restore", "--force"),
    ],
)
def test_nobody_can_be_asked(mixed, words):
    mixed("gallery", "backup")
    done = mixed("gallery", *words, code=2)
    assert len(done.output.splitlines()) == 1
    assert "standard input is no terminal: give --yes" in done.output
    assert len(shown(mixed, "Red")) == 3


@pytest.mark.parametrize(("reply", "code", "left"), [("n", 1, 2), ("y", 0, 1)])
def test_somebody_at_a_terminal_is_asked(mixed, tmp_path, reply, code, left):
    ours, theirs = pty.openpty()
    words = ("gallery", "remove", "Red", "--workspace", str(tmp_path / "w"))
    with subprocess.Popen(
        [sys.executable, "cli.py", *words],
        cwd=ROOT,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        os.write(ours, f"{reply}\n".encode())
        _, errors = run.communicate(timeout=300)
    os.close(ours)
    os.close(theirs)
    assert run.returncode == code, errors
    assert "Erase Red with 3 photos from" in errors
    assert len(json.loads(mixed("gallery", "list", "--json").stdout)) == left


def test_sound_gallery_is_restored_only_by_force(mixed):
    mixed("gallery", "backup")
    done = mixed("gallery", "restore", "--yes", code=2)
    assert "give --force" in done.output
    mixed("gallery", "restore", "--yes", "--force")


def test_what_was_changed_is_told_as_json(mixed, tmp_path):
    def told(*words):
        return json.loads(mixed("gallery", *words, "--json").stdout)

    assert told("move", "Red", "--photo", 2, "--to", "Blue") == (
        {"name": "Blue", "from": "Red", "moved": 1, "known": 0}
    )
    merged = told("merge", "Blue", "Red", "--yes")
    assert (merged["name"], merged["moved"], merged["known"]) == ("Blue", 2, 0)
    assert told("rename", "Blue", "Ann") == {"name": "Ann", "was": "Blue"}
    assert told("export", tmp_path / "a.npz")["embeddings"] == 4
    backup = told("backup")["backup"]
    assert told("restore", "--force", "--yes") == {"restored": backup}
    erased = told("remove", "Ann", "--yes")
    assert (erased["names"], erased["photos"]) == (["Ann"], 4)
