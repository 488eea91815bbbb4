"""The folder of a run is private, and gone when the run ends, however it ends."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import cli
from index.app.run_folder import PREFIX, delete_leftovers, run_folder

ROOT = Path(cli.__file__).parent
RUN = """
import time
from index.app.run_folder import run_folder

with run_folder() as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "upload.png").write_bytes(b"1")
    print(folder, flush=True)
    time.sleep(30)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder, for this process and what it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def other_run():
    """Another run that is alive, and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_folder_is_private_and_goes(temporary):
    with run_folder() as folder:
        assert folder.parent == temporary and folder.name.startswith(PREFIX)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "card.png").write_bytes(b"1")
    assert list(temporary.iterdir()) == []


def test_a_killed_run_is_cleaned_up_by_the_next_one(other_run, temporary):
    process, left = other_run
    with run_folder():
        assert (left / "deep" / "upload.png").is_file()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left.is_dir()
    with run_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_links_and_what_others_left_are_not_touched(tmp_path, temporary, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "own.png").write_bytes(b"1")
    (temporary / f"{PREFIX}link").symlink_to(photos)
    (temporary / f"{PREFIX}file").write_bytes(b"1")
    (temporary / "elsewhere").mkdir()
    inside = temporary / f"{PREFIX}dead"
    inside.mkdir()
    (inside / "link").symlink_to(photos)
    with run_folder():
        pass
    assert (photos / "own.png").is_file()
    kept = {path.name for path in temporary.iterdir()}
    assert kept == {f"{PREFIX}link", f"{PREFIX}file", "elsewhere"}

    foreign = temporary / f"{PREFIX}foreign"
    foreign.mkdir()
    owner = os.geteuid()
    monkeypatch.setattr("index.app.run_folder.os.geteuid", lambda: owner + 1)
    delete_leftovers()
    assert foreign.is_dir()
