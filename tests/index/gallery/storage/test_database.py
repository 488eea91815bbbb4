"""Damaged, foreign and missing gallery files end in one clear line."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from index.gallery.erasure import erase_people
from index.gallery.gallery import (
    open_gallery,
    open_or_create_gallery,
    restore_gallery,
)
from index.gallery.storage import backup as gallery_backup
from index.gallery.storage import database as gallery_file
from index.gallery.storage.database import backup_files
from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.faces.finder import AlignedFace
from tests.fakes.galleries import FakeEmbedder, photo
from training.embedders.embedded_face import EmbeddedFace


def test_missing_gallery(tmp_path):
    with pytest.raises(MissingInput, match="no gallery yet"):
        open_gallery(tmp_path)


def full_gallery(folder: Path) -> Path:
    with open_or_create_gallery(folder, FakeEmbedder()) as gallery:
        gallery.add([photo(f"Person_{i:02d}", [i, 0, 0, 0]) for i in range(40)])
    return folder / "gallery.sqlite"


@pytest.mark.parametrize("kept_fraction", [0.0, 0.001, 0.5])
def test_truncated_database_is_refused_and_left_alone(tmp_path, kept_fraction):
    path = full_gallery(tmp_path)
    rest = path.read_bytes()[: int(kept_fraction * path.stat().st_size)]
    path.write_bytes(rest)
    with pytest.raises(BadRecord, match="Put back a copy"):
        open_or_create_gallery(tmp_path, FakeEmbedder())
    assert path.read_bytes() == rest


def test_a_schema_that_is_no_text_is_reported(tmp_path):
    path = full_gallery(tmp_path)
    data = path.read_bytes()
    broken = data.replace(b"CREATE TABLE removed", b"CREATE TABL\xc9 removed")
    assert broken != data
    path.write_bytes(broken)
    with pytest.raises(BadRecord, match="the gallery is damaged"):
        open_gallery(tmp_path)


def test_damaged_page_is_reported(tmp_path):
    path = full_gallery(tmp_path)
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(bytes(data))
    with (
        pytest.raises(BadRecord, match="damaged"),
        open_gallery(tmp_path) as gallery,
    ):
        gallery.templates()


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("99", "99 is newer than the 1"),
        ("0", "'0', expected 1. Move the folder"),
        ("x", "'x', expected 1"),
    ],
)
def test_another_format_is_refused(tmp_path, version, problem):
    path = full_gallery(tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        change = "UPDATE meta SET value = ? WHERE key = 'format_version'"
        connection.execute(change, (version,))
    with pytest.raises(BadRecord, match=problem):
        open_gallery(tmp_path)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolkitError, match="cannot be written"):
        open_or_create_gallery(tmp_path / "file" / "gallery", FakeEmbedder())


def enroll(folder: Path, name: str) -> None:
    chip = np.zeros((16, 16, 3), np.uint8)
    vector = np.array([1, 2, 3, len(name)], np.float32)
    with open_or_create_gallery(folder, FakeEmbedder()) as gallery:
        face = AlignedFace("photo.jpg", f"sha of {name}", crops=(chip,))
        gallery.add([(name, EmbeddedFace(face, vector))])


@pytest.fixture
def folder(tmp_path):
    enroll(tmp_path / "g", "Person_07")
    enroll(tmp_path / "g", "Person_08")
    return tmp_path / "g"


def killed(work):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.is_file()]


def test_half_a_backup_goes_when_the_gallery_is_opened_next(folder, monkeypatch):
    def back_up():
        with open_gallery(folder) as gallery:
            gallery.store.back_up()

    with monkeypatch.context() as patched:
        patched.setattr(gallery_backup, "check_copy", die)
        killed(back_up)
    (left,) = hidden(folder)
    assert b"Person_07" in left.read_bytes()
    left.with_name(left.name + "-journal").write_bytes(b"Person_07")
    open_gallery(folder).close()
    assert hidden(folder) == []


def test_backup_that_is_being_made_is_not_swept(folder, monkeypatch):
    def look(*_):
        before = hidden(folder)
        assert len(before) == 1
        open_gallery(folder).close()
        assert hidden(folder) == before

    monkeypatch.setattr(gallery_backup, "check_copy", look)
    with open_gallery(folder) as gallery:
        assert gallery.store.back_up().is_file()
    assert hidden(folder) == []


def test_erasure_waits_for_a_backup_that_began_before(folder, monkeypatch):
    copied, go_on = Event(), Event()

    def hold(*_):
        copied.set()
        assert go_on.wait(30)

    def back_up():
        with open_gallery(folder) as gallery:
            gallery.store.back_up()

    monkeypatch.setattr(gallery_backup, "check_copy", hold)
    backing = Thread(target=back_up)
    backing.start()
    assert copied.wait(30)
    monkeypatch.setattr(gallery_file, "WAIT_S", 0.1)
    with (
        open_gallery(folder) as gallery,
        pytest.raises(ToolkitError, match=r"removed, but a backup.*gallery list"),
    ):
        erase_people(gallery.store, ["Person_07"])
    go_on.set()
    backing.join()
    assert any(b"Person_07" in path.read_bytes() for path in backup_files(folder))
    # As the message says, the next command that opens the gallery goes on.
    open_gallery(folder).close()
    assert len(backup_files(folder)) == 2
    assert not any(b"Person_07" in path.read_bytes() for path in backup_files(folder))


def test_log_of_a_lost_gallery_is_not_played_into_a_new_one(folder, tmp_path):
    lost = tmp_path / "lost"
    lost.mkdir()
    with open_gallery(folder) as gallery:
        gallery.rename("Person_07", "Person_09")
        shutil.copy(folder / "gallery.sqlite-wal", lost)
    assert b"Person_09" in (lost / "gallery.sqlite-wal").read_bytes()
    enroll(lost, "Person_10")
    with open_gallery(lost) as gallery:
        assert [person.name for person in gallery.people()] == ["Person_10"]
    assert not any(
        b"Person_09" in path.read_bytes() for path in lost.rglob("*") if path.is_file()
    )


def test_killed_restore_is_done_again(folder, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", die)
        killed(lambda: restore_gallery(folder))
    assert not (folder / "gallery.sqlite").exists()
    assert any(path.name.startswith(".new-") for path in hidden(folder))
    for use in (lambda: open_gallery(folder), lambda: enroll(folder, "Person_99")):
        with pytest.raises(MissingInput, match=r"is missing.* gallery restore"):
            use()
    restore_gallery(folder)
    assert hidden(folder) == []
    with open_gallery(folder) as gallery:
        assert [person.name for person in gallery.people()] == ["Person_07"]


def test_restore_first_finishes_a_removal_that_was_killed(folder, monkeypatch):
    def remove():
        with open_gallery(folder) as gallery:
            erase_people(gallery.store, ["Person_07"])

    with monkeypatch.context() as patched:
        patched.setattr("index.gallery.erasure.finish_erasure", die)
        killed(remove)
    assert b"Person_07" in backup_files(folder)[0].read_bytes()
    restore_gallery(folder)
    with open_gallery(folder) as gallery:
        assert gallery.people() == []
