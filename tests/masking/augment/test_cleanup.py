"""Only what an earlier record named, and nothing else, leaves an augmented folder."""

import pytest

from masking.augment.manifest import ManifestRow, MaskedFile, line_of
from masking.augment.stage import remove_stale_files

HALF = ".writing-0123456789abcdef"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def row(name, chip, masked=()):
    files = [MaskedFile(file, [], "correct") for file in masked]
    return ManifestRow(name, "A", "", chip=chip, masked=files)


def record(folder, *rows):
    path = folder / "old.jsonl"
    path.write_text("{}\n" + "".join(map(line_of, rows)))
    return path


def files_in(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_what_an_earlier_record_names_goes_and_everything_else_stays(tmp_path):
    out = tmp_path / "out"
    recorded = ("chips/A/1.jpg", "masked/A/1-0.jpg")
    theirs = ("chips/B/my.jpg", "photos/holiday.jpg", "report.json", "other/B/1.jpg")
    stale = ("chips/C/1.jpg", "masked/A/1-1.jpg")
    halves = (f"chips/A/{HALF}", HALF)
    touch(out, *recorded, *theirs, *stale, *halves)
    old = record(
        tmp_path,
        row("A/1", recorded[0], [recorded[1], stale[1]]),
        row("C/1", stale[0]),
    )
    now = [row("A/1", recorded[0], [recorded[1]])]
    folders = ("chips", "masked", "photos")
    assert remove_stale_files(out, folders, [old, tmp_path / "none"], now) == 4
    assert files_in(out) == {*recorded, *theirs}
    assert not (out / "chips/C").exists()


def test_links_are_not_followed(tmp_path):
    out, photos = tmp_path / "out", tmp_path / "album"
    touch(photos, "A/1.jpg", f"A/{HALF}")
    touch(tmp_path, "one.jpg")
    touch(out, "masked/A/2.jpg")
    (out / "photos").symlink_to(photos)
    (out / "chips").mkdir()
    (out / "chips/A").symlink_to(photos / "A")
    (out / "masked/A/1.jpg").symlink_to(tmp_path / "one.jpg")
    names = ("photos/A/1.jpg", "chips/A/1.jpg", "masked/A/1.jpg", "masked/A/2.jpg")
    old = record(tmp_path, *(row(name, name) for name in names))
    assert remove_stale_files(out, ("chips", "masked", "photos"), [old], []) == 1
    assert files_in(photos) == {"A/1.jpg", f"A/{HALF}"}
    assert (tmp_path / "one.jpg").is_file()
    assert (out / "masked/A/1.jpg").is_symlink()


@pytest.mark.parametrize("name", ["../one.jpg", "chips/../../one.jpg", "{}/one.jpg"])
def test_a_damaged_record_deletes_nothing_outside(tmp_path, name):
    touch(tmp_path, "one.jpg", "out/chips/1.jpg")
    old = record(tmp_path, row("A", name.format(tmp_path)))
    assert remove_stale_files(tmp_path / "out", ("chips",), [old], []) == 0
    assert (tmp_path / "one.jpg").is_file()


def test_a_folder_that_was_never_made_is_no_error(tmp_path):
    assert remove_stale_files(tmp_path / "out", ("chips",), [], []) == 0
