"""Pictures of a tree in the order of their names, links followed once."""

import os
from pathlib import Path

from masking.datasets.collections import Collection
from masking.datasets.folders import walk_pictures
from masking.datasets.images import list_images


def names(folder):
    found = walk_pictures(folder)
    return [file.name for file in found if not file.passed_over]


def touch(folder, *files):
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_names_come_in_the_order_of_their_characters(tmp_path):
    # " " < "-" < "." < "/" < "0": a folder is not before all longer names.
    stems = ["a b/1", "a-/1", "a", "a/1", "a/b/2", "a/b", "a0/1", "B", "c"]
    files = [f"{stem}.jpg" for stem in stems]
    touch(tmp_path, *files, ".hidden/1.jpg", "a/.hidden.jpg")
    assert names(tmp_path) == sorted(files)
    assert len(files) == 9


def test_linked_folders_are_searched_once_and_cycles_end(tmp_path):
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    touch(folder, "B/1.jpg")
    touch(elsewhere, "2.jpg", "deep/3.jpg")
    (folder / "A").symlink_to(elsewhere)
    (folder / "C").symlink_to(folder / "B")
    (folder / "D").symlink_to(elsewhere)
    (folder / "E.jpg").symlink_to(elsewhere / "2.jpg")
    (folder / "F.jpg").symlink_to(tmp_path / "absent")
    os.mkfifo(folder / "G.jpg")
    (elsewhere / "up").symlink_to(tmp_path)
    # What lies beside the folder is met through the link to what is above it.
    found = names(folder)
    assert found[:2] == ["A/2.jpg", "A/deep/3.jpg"]
    others = [name for name in found if not name.startswith("A/")]
    assert others == ["B/1.jpg", "E.jpg", "F.jpg"]
    # F points nowhere: whoever reads it tells. G is a pipe, which nobody ends.


def test_a_linked_hidden_folder_of_the_tree_is_met(tmp_path):
    touch(tmp_path, ".store/1.jpg", "A/2.jpg")
    (tmp_path / "B").symlink_to(tmp_path / ".store")
    assert names(tmp_path) == ["A/2.jpg", "B/1.jpg"]


def test_names_of_other_bytes_are_kept(tmp_path):
    Path(tmp_path, b"\xff.jpg".decode("utf-8", "surrogateescape")).touch()
    assert names(tmp_path) == ["\udcff.jpg"]


JPEG, TEXT = b"\xff\xd8\xff\xe0" + bytes(12), b"BM is what this note begins with"
PICTURES = {
    "1.JFIF": b"",
    "2.HEIC": b"",
    "3.dat": JPEG,
    "4": b"\x89PNG\r\n\x1a\n" + bytes(8),
    "5.jpg~": b"GIF89a" + bytes(10),
    "6.tmp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "7.bin": b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0(\0",
    "8.part": b"\0\0\0\x18ftypheic\0\0\0\0",
    "9.x": b"MM\0*" + bytes(12),
}
OTHERS = {
    "a.txt": TEXT,
    "b.mp4": b"\0\0\0\x18ftypisom\0\0\0\0",
    "c.wav": b"RIFF\x10\0\0\0WAVEfmt ",
    "d": b"",
    "e.csv": b"person,file\n",
}


def test_pictures_are_known_by_suffix_or_content(tmp_path):
    for name, content in (PICTURES | OTHERS).items():
        (tmp_path / name).write_bytes(content)
    assert names(tmp_path) == sorted(PICTURES)


def test_folders_of_the_system_are_told_and_not_entered(tmp_path, caplog):
    left_out = ["@eaDir", "A/#recycle", "A/lost+found", "__MACOSX", "$RECYCLE.BIN"]
    touch(tmp_path, "A/1.jpg", *(f"{name}/2.jpg" for name in left_out))
    found = list(walk_pictures(tmp_path))
    assert {file.name for file in found if file.passed_over} == set(left_out)
    assert [file.name for file in found if not file.passed_over] == ["A/1.jpg"]
    assert list_images(tmp_path) == [tmp_path / "A/1.jpg"]
    assert caplog.messages == [
        f"{tmp_path}: passed over the system's $RECYCLE.BIN, @eaDir, A/#recycle and 2 "
        "more"
    ]
    caplog.clear()
    assert len(Collection(tmp_path)) == 1
    assert [message.count("passed over") for message in caplog.messages] == [1]


def test_videos_are_told_and_not_read(tmp_path, caplog):
    touch(tmp_path, "A/1.jpg", "A/clip.MP4", "b.mov")
    # A folder of this name is one.
    touch(tmp_path, "c.avi/2.jpg")
    assert list_images(tmp_path) == [tmp_path / "A/1.jpg", tmp_path / "c.avi/2.jpg"]
    assert caplog.messages == [
        f"{tmp_path}: passed over A/clip.MP4, b.mov. Give a video to identify by its "
        "own name."
    ]
