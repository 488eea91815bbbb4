"""Files of a tree in the order of their names, links followed once."""

import os
from pathlib import Path

from masking.datasets.folder_walk import walk_files


def names(folder):
    return [found.name for found in walk_files(folder)]


def touch(folder, *files):
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_names_come_in_the_order_of_their_characters(tmp_path):
    # " " < "-" < "." < "/" < "0": a folder is not before all longer names.
    files = ["a b/1", "a-/1", "a.jpg", "a/1", "a/b/2", "a/b.jpg", "a0/1", "B", "c"]
    touch(tmp_path, *files, ".hidden/1", "a/.hidden")
    assert names(tmp_path) == sorted(files)
    assert len(files) == 9


def test_linked_folders_are_searched_once_and_cycles_end(tmp_path):
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    touch(folder, "B/1")
    touch(elsewhere, "2", "deep/3")
    (folder / "A").symlink_to(elsewhere)
    (folder / "C").symlink_to(folder / "B")
    (folder / "D").symlink_to(elsewhere)
    (folder / "E").symlink_to(elsewhere / "2")
    (folder / "F").symlink_to(tmp_path / "absent")
    os.mkfifo(folder / "G")
    (elsewhere / "up").symlink_to(tmp_path)
    # What lies beside the folder is met through the link to what is above it.
    found = names(folder)
    assert found[:2] == ["A/2", "A/deep/3"]
    assert [name for name in found if not name.startswith("A/")] == ["B/1", "E", "F"]
    # F points nowhere: whoever reads it tells. G is a pipe, which nobody ends.


def test_a_linked_hidden_folder_of_the_tree_is_met(tmp_path):
    touch(tmp_path, ".store/1", "A/2")
    (tmp_path / "B").symlink_to(tmp_path / ".store")
    assert names(tmp_path) == ["A/2", "B/1"]


def test_names_of_other_bytes_are_kept(tmp_path):
    Path(tmp_path, b"\xff.jpg".decode("utf-8", "surrogateescape")).touch()
    assert names(tmp_path) == ["\udcff.jpg"]
