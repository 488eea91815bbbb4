"""What commands write never lands among the photographs they read."""

import pytest
from click.testing import CliRunner

import cli
from masking.datasets.folders import refuse_inside, refuse_overlap
from masking.errors import InvalidConfig


@pytest.mark.parametrize("written", [".", "photos", "photos/out", "link", "link/out"])
def test_folders_in_each_other_are_refused(tmp_path, written):
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "link").symlink_to(photos)
    with pytest.raises(InvalidConfig, match=r"lies in .*Choose|lies in .*Expected"):
        refuse_overlap(photos, tmp_path / written)


def test_folders_beside_each_other_are_apart(tmp_path):
    for name in ("photos", "photos2"):
        (tmp_path / name).mkdir()
    refuse_overlap(tmp_path / "photos", tmp_path / "photos2")
    # What only reads may read in the folder of results.
    refuse_inside(tmp_path / "photos", tmp_path)
    # A photograph holds nothing.
    refuse_inside(tmp_path / "photos" / "1.jpg", tmp_path / "photos" / "1.jpg")


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "P"],
        ["evaluate", "P", "--out", "P/report", "--workspace", "W"],
        ["embed", "P", "--out", "F.npz"],
        ["calibrate", "P"],
        ["enroll", "Ann", "P"],
        ["enroll", "--folder", "P"],
        ["augment", "P"],
    ],
)
def test_a_workspace_among_the_photographs_is_refused(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    for person in ("A", "B"):
        (tmp_path / "P" / person).mkdir(parents=True)
        (tmp_path / "P" / person / "1.jpg").write_bytes(b"")
    if "--workspace" not in command:
        command = [*command, "--workspace", "P/W"]
    done = CliRunner().invoke(cli.main, command)
    assert done.exit_code == 2
    assert "lies in the folder of photographs P, so that" in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "P/W").exists()


@pytest.mark.parametrize("kind", ["dlib", "onnx"])
def test_an_export_does_not_replace_a_photograph(tmp_path, kind):
    photo = tmp_path / "1.JPG"
    photo.write_bytes(b"photo")
    command = ["export", "--format", kind, "--out", str(photo)]
    done = CliRunner().invoke(cli.main, command)
    assert done.exit_code == 2
    assert "1.JPG: is named like a photograph, which would be" in done.output
    assert photo.read_bytes() == b"photo"
