"""Backups are made without asking, hold what was stored, and forget who is erased."""

import re
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta

import numpy as np
import pytest

from index.gallery.erasure import Erasure, erase_people, erase_photos
from index.gallery.gallery import open_gallery, open_or_create_gallery, restore_gallery
from index.gallery.storage import database as gallery_database
from index.gallery.storage.backup import back_up
from index.gallery.storage.database import backup_files
from index.gallery.storage.store import NO_TERMS
from index.gallery.transfers import merge_people, move_photos
from index.search.open_search import build_snapshot, newest_snapshot, open_search
from masking.errors import BadRecord, MissingInput, ToolkitError
from tests.fakes.galleries import FakeEmbedder, all_bytes, photo


@pytest.fixture
def folder(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as gallery:
        gallery.add([photo(f"Person_{i:02d}", [i, 0, 0, 0]) for i in range(40)])
    return tmp_path / "gallery"


def damage(folder):
    path = folder / "gallery.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(bytes(data))


def test_backup_is_made_when_a_changed_gallery_is_closed_once_a_day(
    folder, monkeypatch
):
    (first,) = backup_files(folder)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    with open_gallery(folder) as gallery:
        gallery.add([photo("Late", [99, 0, 0, 0])])
    assert backup_files(folder) == [first]
    monkeypatch.setattr(gallery_database, "BACKUP_EVERY", timedelta(0))
    open_gallery(folder).close()
    assert backup_files(folder) == [first], "nothing changed"
    for number in range(3):
        with open_gallery(folder) as gallery:
            gallery.rename("Late", "Later")
            gallery.rename("Later", "Late")
        assert len(backup_files(folder)) == 2, number
    assert first not in backup_files(folder)


def test_damaged_gallery_names_the_newest_backup_which_can_be_put_back(folder):
    with open_gallery(folder) as gallery:
        newest = gallery.store.back_up()
        build_snapshot(gallery)
        gallery.add([photo("Lost", [99, 0, 0, 0])])
        gallery_id = gallery.gallery_id
    damage(folder)
    with (
        pytest.raises(BadRecord, match=f"newest backup is {newest}. Run: .* restore"),
        open_gallery(folder) as gallery,
    ):
        gallery.templates()
    assert restore_gallery(folder) == newest
    with open_gallery(folder) as gallery:
        assert gallery.size == 40
        assert gallery.gallery_id != gallery_id
        # The files of the lost state would know of somebody who is not there.
        assert newest_snapshot(gallery) is None
        assert gallery.audit()[-1].action == "restore"
        gallery.add([photo("New", [98, 0, 0, 0])])
        place = np.array([98, 0, 0, 0], np.float32)
        assert open_search(gallery).nearest(place, 1)[0].distance == 0
    modes = {stat.S_IMODE(p.stat().st_mode) for p in folder.glob("gallery*")}
    assert modes == {0o600}
    assert len(list(folder.glob("damaged/*/gallery.sqlite"))) == 1


def test_log_of_the_damaged_file_is_not_replayed_into_the_backup(folder):
    with open_gallery(folder) as gallery:
        gallery.store.back_up()
        gallery.add([photo("Late", [99, 0, 0, 0])])
        # As a killed process leaves it: the last change only in the log.
        for suffix in ("", "-wal"):
            path = folder / f"gallery.sqlite{suffix}"
            path.with_name(f"kept{suffix}").write_bytes(path.read_bytes())
    for suffix in ("", "-wal"):
        (folder / f"kept{suffix}").rename(folder / f"gallery.sqlite{suffix}")
    assert (folder / "gallery.sqlite-wal").stat().st_size > 0
    restore_gallery(folder)
    with open_gallery(folder) as gallery:
        assert [p.name for p in gallery.people() if p.name == "Late"] == []


def test_erased_people_leave_backups_and_damaged_files_too(folder):
    more = photo(
        "Person_07", [7, 1, 0, 0], masked_reference=[7.123, 8.456, 9.789, 1.234]
    )
    traces = [b"Person_07", more[1].masked_reference.tobytes()]
    with open_gallery(folder) as gallery:
        gallery.add([more])
        gallery.store.back_up()
        gallery.store.back_up()
    damage(folder)
    restore_gallery(folder)
    before = [path.read_bytes() for path in backup_files(folder)]
    assert len(before) == 2
    assert all(trace in data for data in before for trace in traces)
    with open_gallery(folder) as gallery:
        erase_people(gallery.store, ["Person_07"])
    assert not any(trace in all_bytes(folder) for trace in traces)
    assert len(backup_files(folder)) == 2
    restore_gallery(folder)
    with open_gallery(folder) as gallery:
        assert gallery.size == 39


def test_journal_that_a_kill_left_beside_a_backup_goes_with_an_erasure(folder):
    (backup,) = backup_files(folder)
    journal = backup.with_name(f"{backup.name}-journal")
    # Its header is not written yet, so that SQLite leaves it alone.
    journal.write_bytes(bytes(512) + b"Person_07")
    with open_gallery(folder) as gallery:
        erase_people(gallery.store, ["Person_08"])
    assert not journal.exists()


@pytest.mark.parametrize("schema", [False, True])
def test_damaged_backup_is_deleted_by_an_erasure(folder, schema):
    (backup,) = backup_files(folder)
    data = backup.read_bytes()
    # SQLite's words about it are no UTF-8.
    broken = data.replace(b"CREATE TABLE removed", b"CREATE TABL\xc9 removed")
    assert broken != data
    backup.write_bytes(broken if schema else b"text" * 1000)
    with open_gallery(folder) as gallery:
        erase_people(gallery.store, ["Person_07"])
        assert not backup.exists()


def test_damaged_backup_is_not_put_back(folder):
    (backup,) = backup_files(folder)
    data = bytearray(backup.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    backup.write_bytes(bytes(data))
    before = (folder / "gallery.sqlite").read_bytes()
    with pytest.raises(BadRecord, match="damaged"):
        restore_gallery(folder)
    assert (folder / "gallery.sqlite").read_bytes() == before
    backup.unlink()
    with pytest.raises(MissingInput, match="no backup to put back"):
        restore_gallery(folder)


def test_one_flipped_bit_in_a_name_of_a_backup_is_noticed(folder):
    (backup,) = backup_files(folder)
    data = backup.read_bytes()
    starts = [match.start() for match in re.finditer(b"Person_07", data)]
    assert len(starts) == 4  # the name and its index, and twice the name of its photo
    for start in starts[:2]:
        backup.write_bytes(data[: start + 8] + b"6" + data[start + 9 :])
        with pytest.raises(BadRecord, match="damaged"):
            restore_gallery(folder)


def test_damaged_gallery_replaces_no_backup(folder):
    before = backup_files(folder)
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    damage(folder)
    with pytest.raises(ToolkitError, match=r"damaged|malformed"):
        back_up(connection, folder)
    connection.close()
    assert backup_files(folder) == before
    assert [*(folder / "backups").iterdir()] == before


def test_backup_that_cannot_be_written_is_only_a_notice(tmp_path, caplog):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as gallery:
        gallery.add([photo("Person_01", [1, 0, 0, 0])])
        (tmp_path / "backups").write_text("in the way")
    assert "no new backup" in caplog.text
    with open_gallery(tmp_path) as gallery:
        assert gallery.size == 1


def names_in(backup):
    with closing(sqlite3.connect(backup)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM people")}


def test_person_is_erased_from_backups_that_know_them_by_another_number(folder):
    (first,) = backup_files(folder)
    with open_gallery(folder) as gallery:
        gallery.add([photo("Person_X", [99, 0, 0, 0])])
        second = gallery.store.back_up()
    restore_gallery(folder, first)
    with open_gallery(folder) as gallery:
        gallery.add([photo("Person_Z", [98, 0, 0, 0])])
        gallery.add([photo("Person_X", [97, 0, 0, 0])])
        numbers = {person.name: person.person_id for person in gallery.people()}
        assert (numbers["Person_Z"], numbers["Person_X"]) == (41, 42)
        # Number 41 is somebody else in the second backup, who stays there.
        erase_people(gallery.store, ["Person_Z"])
        assert "Person_X" in names_in(second)
        erase_people(gallery.store, ["Person_X"])
    assert names_in(second) == names_in(first)
    assert b"Person_X" not in second.read_bytes()


def test_person_is_erased_from_backups_that_know_them_by_another_name(folder):
    (backup,) = backup_files(folder)
    with open_gallery(folder) as gallery:
        gallery.rename("Person_07", "Later")
        erase_people(gallery.store, ["Later"])
    assert "Person_07" not in names_in(backup)
    assert b"Person_07" not in all_bytes(folder)


def test_moved_photo_is_erased_from_backups_of_its_first_owner(folder):
    moved = photo("Person_07", [7.321, 8.654, 9.987, 1.432], sha256="moved")
    with open_gallery(folder) as gallery:
        gallery.add([moved])
        gallery.store.back_up()
        move_photos(gallery.store, "Person_07", [2], "Person_08")
        assert len(gallery.photos("Person_08")) == 2
        erase_people(gallery.store, ["Person_08"])
    assert moved[1].embedding.tobytes() not in all_bytes(folder)
    assert all("Person_07" in names_in(path) for path in backup_files(folder))


def test_merged_person_is_erased_from_backups_by_their_earlier_name(folder):
    with open_gallery(folder) as gallery:
        assert merge_people(gallery.store, "Person_07", "Person_08") == (1, NO_TERMS)
        assert b"Person_08" in all_bytes(folder)
        erase_people(gallery.store, ["Person_07"])
    assert not any(name in all_bytes(folder) for name in (b"Person_07", b"Person_08"))


def test_erased_photo_stays_in_backups_with_whom_still_has_it(folder):
    twice = [photo(name, [5, 4, 3, 2], sha256="twice") for name in ("A", "B")]
    with open_gallery(folder) as gallery:
        gallery.add([*twice, photo("A", [1, 1, 1, 1], sha256="other")])
        backup = gallery.store.back_up()
        assert erase_photos(gallery.store, "A", [1]) == Erasure(1, ())
        assert {"A", "B"} <= names_in(backup)
        erase_people(gallery.store, ["B"])
    with closing(sqlite3.connect(backup)) as connection:
        rows = connection.execute("SELECT sha256 FROM photos").fetchall()
    assert ("other",) in rows and ("twice",) not in rows


def test_backup_made_during_an_erasure_forgets_whose_it_was(folder, monkeypatch):
    def fails(*_):
        raise ToolkitError("oops.")

    with open_gallery(folder) as gallery, monkeypatch.context() as patched:
        patched.setattr("index.gallery.erasure.finish_erasure", fails)
        with pytest.raises(ToolkitError):
            erase_people(gallery.store, ["Person_07"])
        backup = gallery.store.back_up()
    # What has to be found elsewhere is known by name until it is gone.
    assert b"Person_07" in backup.read_bytes()
    open_gallery(folder).close()
    assert b"Person_07" not in all_bytes(folder)


def test_damaged_files_that_cannot_be_deleted_are_told(folder, monkeypatch):
    damage(folder)
    restore_gallery(folder)

    def refused(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    with open_gallery(folder) as gallery, monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", refused)
        with pytest.raises(ToolkitError, match=r"removed, but .*Permission denied"):
            erase_people(gallery.store, ["Person_07"])
    open_gallery(folder).close()
    assert not (folder / "damaged").exists()
