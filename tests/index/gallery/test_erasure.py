"""After a removal no byte of the workspace tells of the person, but what is named."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from index.gallery.gallery import open_gallery
from masking.datasets.images import encode_image, list_images, read_rgb, write_image
from masking.datasets.sample import sample_people

NAME, LATER = "Zyxwvö Quasar", "Qqjx Wöbblefurth"
NEARER = ("Person_13", "Person_14")
TRAIN = ["--epochs", "1", "--batch-size", "8", "--workers", "1", "--device", "cpu"]


def call(workspace, *arguments, code=0):
    words = [*arguments, "--workspace", workspace]
    done = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert done.exit_code in (code, 3), done.output
    return done


@pytest.fixture(scope="module")
def people(small_people, tmp_path_factory):
    """Five of `small_people`, one with another name and files of their own."""
    folder = tmp_path_factory.mktemp("photos")
    first, *others = sorted(small_people.iterdir())[:5]
    for person in others:
        for photo in list_images(person)[:2]:
            write_image(folder / person.name / photo.name, read_rgb(photo))
    for number, photo in enumerate(list_images(first)):
        write_image(folder / NAME / f"{number}.jpg", read_rgb(photo), 90 + number)
    return folder


@pytest.fixture(scope="module")
def undrawn():
    """What is drawn of many people at once is one grey picture."""
    grey = np.full((8, 8, 3), 128, np.uint8)
    plots = dict.fromkeys(("roc.png", "det.png", "cmc.png"), encode_image(grey, ".png"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("masking.augment.stage.kinds_picture", lambda *_: grey)
        patch.setattr("training.run.figures._curves", lambda *_: plots["roc.png"])
        patch.setattr("index.evaluation.report.write.report_plots", lambda _: plots)
        yield


@pytest.fixture(scope="module")
def used(people, undrawn, tmp_path_factory):
    """A workspace in which every command ran once."""
    workspace = tmp_path_factory.mktemp("used") / "workspace"
    out = tmp_path_factory.mktemp("outside")
    own = list_images(people / NAME)
    other = people / "Person_04" / "1.jpg"
    few = ("--workers", 1, "--variants", 1, "--kinds", "surgical")
    call(workspace, "augment", people, *few, "--preview")
    call(workspace, "train", *TRAIN)
    call(workspace, "gallery", "backup")
    call(workspace, "enroll", NAME, *own)
    # With them a card of Person_04 shows five nearer than the person.
    for name in NEARER:
        call(workspace, "enroll", name, sample_people() / name / "1.jpg")
    call(workspace, "identify", own[0], other, "--threshold", -60)
    call(workspace, "calibrate", people, "--masks", 1, "--workers", 1, code=2)
    evaluated = ("--rounds", 0, "--workers", 1, "--kinds", "surgical")
    call(workspace, "evaluate", people, *evaluated)
    call(workspace, "embed", people, "--out", out / "all.npz", "--workers", 1)
    call(workspace, "gallery", "rename", NAME, LATER)
    call(workspace, "gallery", "verify")
    call(workspace, "gallery", "export", out / "export.npz")
    call(workspace, "gallery", "rebuild")
    call(workspace, "gallery", "backup")
    call(workspace, "gallery", "show", LATER)
    call(workspace, "identify", own[1], "--threshold", -60)
    (workspace / "identified" / ".writing-0").write_bytes(LATER.encode())
    return workspace


def traces(workspace: Path, people: Path) -> dict[str, bytes]:
    """What might tell of the person, by what it is."""
    found = {}
    for name in (NAME, LATER):
        found[f"{name} in UTF-8"] = name.encode()
        found[f"{name} in JSON"] = json.dumps(name)[1:-1].encode()
    for photo in list_images(people / NAME):
        data = photo.read_bytes()
        found[f"SHA-256 of {photo.name}"] = hashlib.sha256(data).hexdigest().encode()
        found[f"bytes of {photo.name}"] = data[len(data) // 2 :][:64]
    file = workspace / "gallery" / "gallery.sqlite"
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute(
            """SELECT chip, embeddings.vector, masked_references.vector FROM people
            JOIN photos ON person_id = people.id
            JOIN embeddings ON embeddings.photo_id = photos.id
            JOIN masked_references ON masked_references.photo_id = photos.id
            WHERE name = ?""",
            (LATER,),
        ).fetchall()
    assert len(rows) == 3
    for number, (chip, *vectors) in enumerate(rows):
        found[f"thumbnail {number}"] = chip[len(chip) // 2 :][:64]
        for kind, vector in zip(
            ("unmasked", "masked_references"), vectors, strict=True
        ):
            half = np.frombuffer(vector, "<f4").astype("<f2").tobytes()
            found[f"{kind} vector {number}"] = vector[:64]
            found[f"{kind} vector {number} in half precision"] = half[:64]
    with open_gallery(workspace / "gallery") as gallery:
        (number,) = (p.person_id for p in gallery.people() if p.name == LATER)
        for masked in (False, True):
            template = gallery.person_template(number, masked)
            found[f"template of masked faces: {masked}"] = template.tobytes()[:64]
    for cached in (workspace / "models" / "cache").glob("unmasked-*.npy"):
        # Theirs is the last name of all.
        found["vector of the training"] = np.load(cached)[-1].tobytes()[:64]
    for kind in ("chips", "masked"):
        for path in (workspace / "augmented" / kind / NAME).iterdir():
            data = path.read_bytes()
            found[f"{kind}/{path.name}"] = data[len(data) // 2 :][:64]
    return found


def told(workspace: Path, wanted: dict[str, bytes]) -> dict[str, set[str]]:
    """Which traces are in which files, names of files included."""
    found: dict[str, set[str]] = {}
    for path in workspace.rglob("*"):
        where = path.relative_to(workspace).as_posix()
        data = where.encode() + (path.read_bytes() if path.is_file() else b"")
        for what, trace in wanted.items():
            if trace in data:
                found.setdefault(what, set()).add(where)
    return found


def cards_of_others(workspace):
    """Cards on which the person is not among those that are shown."""
    lines = (workspace / "identified" / "answers.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    with open_gallery(workspace / "gallery") as gallery:
        (number,) = (p.person_id for p in gallery.people() if p.name == LATER)
    kept = [r["card"] for r in records if number not in r.get("person_ids", [number])]
    return {workspace / "identified" / Path(card).name for card in kept}


def test_nothing_of_a_removed_person_is_left(used, people, tmp_path):
    workspace = tmp_path / "workspace"
    shutil.copytree(used, workspace)
    wanted = traces(workspace, people)
    before = told(workspace, wanted)
    # Nothing keeps photographs as they were, or a gallery's vectors in half precision.
    never = {what for what in wanted if what.startswith("bytes") or "half" in what}
    assert before.keys() == wanted.keys() - never
    kept = set(workspace.glob("evaluated/*/report.html"))
    assert kept and (workspace / "found-faces").is_dir()
    assert list(workspace.glob("evaluated/*/private/*.png"))
    assert (workspace / "augmented" / "kinds.png").is_file()
    cards = cards_of_others(workspace)
    assert len(cards) == 1 and len(list(workspace.glob("identified/*.png"))) == 3

    done = call(workspace, "gallery", "remove", LATER, "--yes")

    assert told(workspace, wanted) == {}
    models = list((workspace / "models").glob("embedder-*"))
    (left,) = [line for line in done.stderr.splitlines() if line.startswith("left")]
    assert models and all(str(path) in left for path in models)
    assert "weights cannot forget" in left
    assert not (workspace / "found-faces").exists()
    assert not list(workspace.glob("evaluated/*/private"))
    assert not (workspace / "augmented" / "kinds.png").exists()
    assert set(workspace.glob("identified/*.png")) == cards
    # The rest is as it was, and works.
    assert kept == set(workspace.glob("evaluated/*/report.html"))
    listed = json.loads(call(workspace, "gallery", "list", "--json").stdout)
    counts = [person["photo_count"] for person in listed]
    assert sorted(counts) == [1, 1, 2, 2, 2, 2]
    report = json.loads((workspace / "augmented" / "report.json").read_text())
    assert (report["people"], report["faces"]) == (4, 8)
    assert read_rgb(workspace / "augmented" / "preview.png").size
    call(workspace, "train", *TRAIN)
    assert "verify" in call(workspace, "gallery", "restore", "--force", "--yes").output
    assert told(workspace, wanted) == {}
