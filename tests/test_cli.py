"""The commands as a person types them, in one workspace of synthetic people."""

import csv
import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from masking.augment.manifest import read_manifest
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_newcomers
from masking.faces.finder import unmasked_finder
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render

TRAIN = ["--epochs", "1", "--batch-size", "8", "--workers", "1", "--device", "cpu"]


def call(*arguments):
    return CliRunner().invoke(cli.main, [str(item) for item in arguments])


@pytest.fixture(scope="module")
def people(small_people, tmp_path_factory):
    """Six of `small_people`, two photos each."""
    folder = tmp_path_factory.mktemp("people")
    for person in sorted(small_people.iterdir())[:6]:
        (folder / person.name).mkdir()
        for photo in list_images(person)[:2]:
            shutil.copy(photo, folder / person.name)
    return folder


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """Folder of a person who is not in `people`: three photos."""
    folder = tmp_path_factory.mktemp("newcomer")
    for photo in list_images(sorted(sample_newcomers().iterdir())[0])[-3:]:
        shutil.copy(photo, folder)
    return folder


@pytest.fixture(scope="module")
def masked(newcomer, tmp_path_factory):
    """A masked copy of the newcomer's last photo."""
    image = read_rgb(list_images(newcomer)[-1])
    face = unmasked_finder().find(image)[0]
    specs = draw_specs(
        sample_rng(0, "masked"), SpecConfig(("surgical",), wrongly_worn=0)
    )
    path = tmp_path_factory.mktemp("probe") / "masked.jpg"
    write_image(path, render(image, face.landmarks, specs).pixels)
    return path


@pytest.fixture(scope="module")
def workspace(people, newcomer, tmp_path_factory):
    """A workspace after augment, train and enroll."""
    folder = tmp_path_factory.mktemp("work") / "workspace"
    done = call("augment", people, "--workspace", folder, "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "12 photos of 6 people, 12 faces found, 24 masks rendered\n" in done.output
    done = call("train", "--workspace", folder, *TRAIN)
    assert done.exit_code == 0, done.output
    assert "gallery: 6 people, 12 photos" in done.output
    assert len(list((folder / "gallery" / "snapshots").iterdir())) == 1
    photos = list_images(newcomer)[:-1]
    done = call("enroll", "New Person", *photos, "--workspace", folder)
    assert done.exit_code == 0, done.output
    assert f"{len(photos)} photos added" in done.output
    return folder


def test_a_masked_newcomer_is_identified_without_retraining(workspace, masked):
    done = call("identify", masked, "--workspace", workspace, "--threshold", -60)
    assert done.exit_code == 0, done.output
    assert "New Person (score " in done.output
    card = done.output.split("card: ")[1].strip()
    assert read_rgb(workspace.parent / card).shape[2] == 3


def test_identify_prints_json(workspace, masked):
    done = call(
        "identify", masked, "--workspace", workspace, "--json", "--threshold", -60
    )
    record = json.loads(done.stdout)
    assert record["status"] == "match"
    assert record["matches"][0]["name"] == record["name"] == "New Person"
    assert len(record["matches"]) == 5


def test_identify_reads_standard_input_and_writes_a_table(workspace, masked, tmp_path):
    table = tmp_path / "answers.csv"
    done = CliRunner().invoke(
        cli.main,
        [
            *("identify", "-", "--workspace", str(workspace), "--threshold", "-60"),
            *("--csv", str(table), "--no-cards"),
        ],
        input=masked.read_bytes(),
    )
    assert done.exit_code == 0, done.output
    assert done.output.startswith("standard-input: New Person")
    assert "card" not in done.output
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["photo"], row["name"]) == ("standard-input", "New Person")


@pytest.fixture(scope="module")
def video(masked, tmp_path_factory):
    """Seven frames of the masked newcomer, five a second."""
    picture = read_rgb(masked)
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    size = (picture.shape[1], picture.shape[0])
    video = tmp_path_factory.mktemp("video") / "video.avi"
    writer = cv2.VideoWriter(str(video), codec, 5, size)
    for _ in range(7):
        writer.write(picture[:, :, ::-1])
    writer.release()
    return video


@pytest.mark.parametrize("way", ["file", "-", "--video -"])
def test_identify_follows_faces_through_a_video(workspace, video, way):
    given = [str(video)] if way == "file" else way.split()
    done = CliRunner().invoke(
        cli.main,
        [
            *("identify", *given, "--every", "3", "--workspace", str(workspace)),
            *("--threshold", "-60", "--json"),
        ],
        input=video.read_bytes(),
    )
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["name"], record["frames"]) == ("New Person", 3)
    assert (record["first_s"], record["last_s"]) == (0.0, 1.2)
    assert record["photo"] == (str(video) if way == "file" else "standard-input")


def test_standard_input_that_is_no_video_is_called_so(workspace):
    done = CliRunner().invoke(
        cli.main,
        ["identify", "--video", "-", "--workspace", str(workspace)],
        input=b"a text of more than 16 bytes",
    )
    assert done.exit_code == 2
    assert done.output.startswith("error: standard-input: not a video")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--video", "nowhere.mp4"],
        ["--video", "TEXT"],
        ["--camera", "63"],
        [],
        ["-", "-"],
        ["-", "--video", "-"],
    ],
    ids=["missing", "text", "camera", "nothing", "twice", "twice as video"],
)
def test_videos_that_cannot_be_read_end_with_one_sentence(
    workspace, tmp_path, arguments
):
    (tmp_path / "text").write_text("no video")
    given = [item.replace("TEXT", str(tmp_path / "text")) for item in arguments]
    done = call("identify", *given, "--workspace", workspace)
    assert done.exit_code == 2, done.output
    assert done.output.startswith("error: ")
    assert len(done.output.strip().splitlines()) == 1


def test_photos_are_sorted_and_told_as_json(workspace, masked, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "sorted"
    photos.mkdir()
    shutil.copy(masked, photos / "1.jpg")
    words = ["--sort-into", out, "--json", "--workspace", workspace]
    done = call("identify", photos, *words)
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert sum(report["folders"].values()) == 1 and report["unread"] == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sort-into", "out", "--threshold", "3"], "it takes no --threshold"),
        (["--sort-into", "out", "--csv", "a.csv"], "it takes no --csv"),
        (["--sort-into", "out", "--camera", "0"], "it takes no --camera"),
        (["--link"], "--link only says how --sort-into fills"),
    ],
)
def test_options_that_would_change_nothing_are_refused(tmp_path, words, told):
    done = call("identify", tmp_path, *words)
    assert done.exit_code == 2
    assert told in done.output


def test_a_photo_is_identified_without_loading_what_it_does_not_need(workspace, masked):
    code = (
        "import sys, cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit as end: print('ended', end.code)\n"
        "print('loaded', *sorted(sys.modules))"
    )
    arguments = ["identify", str(masked), "--workspace", str(workspace)]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--threshold", "-60"],
        cwd=Path(cli.__file__).parent,
        capture_output=True,
        text=True,
    )
    assert "ended 0" in run.stdout, run.stderr
    loaded = set(run.stdout.rpartition("loaded ")[2].split())
    assert {"numpy", "cv2", "dlib"} <= loaded
    assert not loaded & {"torch", "torchvision", "kornia", "matplotlib", "sklearn"}


def test_the_page_says_how_to_install_it(workspace, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = call("app", "--workspace", workspace)
    assert done.exit_code == 2
    assert "pip install '.[app]'" in done.output


def test_a_strict_threshold_answers_unknown(workspace, masked):
    done = call("identify", masked, "--workspace", workspace, "--threshold", 90)
    assert done.exit_code == 3
    assert "unknown" in done.output


def test_a_photo_without_a_face_ends_with_4(workspace, tmp_path):
    write_image(tmp_path / "grey.png", np.full((120, 160, 3), 90, np.uint8))
    done = call("identify", tmp_path / "grey.png", "--workspace", workspace)
    assert done.exit_code == 4
    assert "no face found" in done.output


def test_unreadable_photos_end_with_2_and_one_sentence(workspace, tmp_path, masked):
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "cut.jpg").write_bytes(masked.read_bytes()[:2000])
    for name in ("text.jpg", "cut.jpg", "missing.jpg"):
        done = call("identify", tmp_path / name, "--workspace", workspace)
        assert done.exit_code == 2, name
        assert name in done.output
        assert "Traceback" not in done.output


def test_a_photo_of_two_people_cannot_be_enrolled(workspace, people, tmp_path):
    left, right = (
        read_rgb(list_images(folder)[0]) for folder in sorted(people.iterdir())[:2]
    )
    write_image(tmp_path / "two.png", np.hstack([left, right]))
    done = call("enroll", "Two", tmp_path / "two.png", "--workspace", workspace)
    assert done.exit_code == 2
    assert "2 faces" in done.output


def test_a_name_that_is_a_path_is_refused(workspace, newcomer):
    photo = list_images(newcomer)[0]
    done = call("enroll", "../somebody", photo, "--workspace", workspace)
    assert done.exit_code == 2
    assert done.output.startswith("error: ")


def test_a_gallery_of_another_model_is_refused(workspace, masked):
    done = call("identify", masked, "--workspace", workspace, "--model", "dlib")
    assert done.exit_code == 2
    assert "was enrolled with embedder" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["augment", "nowhere"],
        ["augment", "EMPTY"],
        ["train"],
        ["evaluate", "nowhere"],
        ["embed", "nowhere", "--out", "x.npz"],
        ["gallery", "list"],
        ["train", "--epochs", "0"],
        ["augment", "EMPTY", "--kinds", "helmet"],
    ],
)
def test_mistakes_end_with_2_and_one_line(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = call(*[item.replace("EMPTY", "empty") for item in arguments])
    assert done.exit_code == 2, done.output
    assert len(done.output.strip().splitlines()) == 1
    assert done.output.startswith("error: ")


def test_an_unreadable_model_is_refused(workspace, masked, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"nothing")
    done = call(
        "identify", masked, "--workspace", workspace, "--model", tmp_path / "model.pt"
    )
    assert done.exit_code == 2
    assert "model.pt" in done.output


def test_people_can_be_listed_renamed_exported_and_erased(workspace, tmp_path):
    copy = tmp_path / "workspace"
    shutil.copytree(workspace, copy)
    listed = json.loads(call("gallery", "list", "--json", "--workspace", copy).stdout)
    assert len(listed) == 7
    done = call("gallery", "rename", "New Person", "Known", "--workspace", copy)
    assert done.exit_code == 0
    done = call("gallery", "export", tmp_path / "all.npz", "--workspace", copy)
    assert done.exit_code == 0
    with np.load(tmp_path / "all.npz", allow_pickle=False) as exported:
        assert "Known" in exported["names"]
    done = call("gallery", "remove", "Known", "--yes", "--workspace", copy)
    assert done.exit_code == 0
    with sqlite3.connect(copy / "gallery" / "gallery.sqlite") as database:
        names = [name for (name,) in database.execute("SELECT name FROM people")]
    database.close()
    assert "Known" not in names and len(names) == 6


def test_a_gallery_is_shown_verified_and_rebuilt(workspace, tmp_path):
    copy = tmp_path / "workspace"
    shutil.copytree(workspace, copy)
    shown = json.loads(
        call("gallery", "show", "Person_01", "--json", "--workspace", copy).stdout
    )
    assert len(shown) == 2
    done = call("gallery", "verify", "--json", "--workspace", copy)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["search"]["recall"] == 1.0
    done = call("gallery", "rebuild", "--model", "shipped", "--workspace", copy)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("14 photos")


def test_evaluate_and_embed_write_their_files_and_all_folders_are_private(
    workspace, people, masked, tmp_path
):
    done = call(
        *("evaluate", people, "--out", tmp_path / "report", "--rounds", 0),
        *("--workspace", workspace, "--workers", 1),
    )
    assert done.exit_code == 0, done.output
    assert "M-U" in done.output
    assert "dlib, masked reference" in done.output
    private = workspace / "evaluated" / people.name / "private"
    assert (private / ".gitignore").read_text() == "*\n"
    for name in ("report.html", "report.json", "roc.png", "cmc.png", "table.txt"):
        assert (tmp_path / "report" / name).stat().st_size > 100
    out = tmp_path / "embeddings.npz"
    done = call(
        *("embed", people, "--out", out, "--workspace", workspace),
        *("--workers", 1),
    )
    assert done.exit_code == 0, done.output
    with np.load(out, allow_pickle=False) as written:
        assert written["embeddings"].shape == (12, 512)
        assert written["masked_references"].shape == (12, 512)
        assert written["found"].all()
    assert call("identify", masked, "--workspace", workspace).exit_code in (0, 3)
    evaluated = f"evaluated evaluated/{people.name} found-faces".split()
    made = ["augmented", "models", "models/cache", "gallery", "identified"]
    for folder in ("", *made, *evaluated, private):
        assert stat.S_IMODE((workspace / folder).stat().st_mode) == 0o700, folder


def test_train_can_leave_people_out(workspace, tmp_path):
    copy = tmp_path / "workspace"
    shutil.copytree(workspace, copy)
    shutil.rmtree(copy / "models")
    names = tmp_path / "names.txt"
    leave_out = ("train", "--workspace", copy, "--without", names, "--json", *TRAIN)
    names.write_text("Person 01\n01\n")
    done = call(*leave_out)
    assert done.exit_code == 2
    assert "nobody whom --without lists is there, not 01, Person 01." in done.output
    names.write_text("\ufeffPerson_01\nPerson_02\n", encoding="utf-8")
    done = call(*leave_out)
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    training = record["training"]
    assert training["people"] + training["validation_people"] == 4
    assert record["gallery"]["people"] == 7
    assert record["gallery"]["reembedded"] == 12 + 2


def test_without_a_folder_augment_takes_data_celebrities(people, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(people, tmp_path / "data" / "celebrities")
    done = call("augment", "--workers", "1", "--variants", "0")
    assert done.exit_code == 0, done.output
    assert "using data/celebrities" in done.output
    assert (tmp_path / "workspace" / "augmented" / "manifest.jsonl").is_file()


def test_two_machines_augment_and_one_merges(people, tmp_path):
    shared = ["augment", people, "--workspace", tmp_path, "--workers", 1]
    for part in ("1/2", "2/2"):
        done = call(*shared, "--variants", 0, "--shard", part)
        assert done.exit_code == 0, done.output
        assert "--merge" in done.output
    done = call(*shared, "--merge")
    assert done.exit_code == 0, done.output
    assert "12 photos of 6 people, 12 faces found, 0 masks rendered\n" in done.output
    assert len(read_manifest(tmp_path / "augmented").faces()) == 12
