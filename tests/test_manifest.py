"""The record of an augmented folder survives kills, odd names and newer versions."""

import hashlib
import json
from pathlib import Path

import pytest

from masking.alignment import ChipGeometry
from masking.errors import BadRecord, MissingInput
from masking.manifest import (
    JOURNAL,
    MANIFEST,
    Journal,
    ManifestRow,
    MaskedFile,
    read_manifest,
    write_manifest,
)

CONFIG = {"seed": 3, "kinds": "cloth"}
GEOMETRY = ChipGeometry(size_px=200, padding=0.5, points="inner")


def row(photo_id, failure=""):
    if failure:
        return ManifestRow(photo_id, "Ann", "", failure)
    return ManifestRow(
        photo_id,
        "Ann",
        "ab" * 32,
        detector="hog",
        faces=2,
        landmarks=[[1.25, 2.5]] * 68,
        chip=f"chips/{photo_id}.jpg",
        chip_landmarks=[[7.0, 8.0]] * 68,
        masked=[MaskedFile(f"masked/{photo_id}-0.jpg", {"kind": "cloth", "seed": 1})],
    )


ROWS = [row("Ann/1.jpg"), row("Ann/2.jpg", "no face found"), row("Bob/1.jpg")]


def journal(folder, config=CONFIG):
    return Journal(folder, config, GEOMETRY)


def earlier(folder, config=CONFIG):
    return list(journal(folder, config).earlier_rows())


def keep(folder, rows, config=CONFIG):
    running = journal(folder, config)
    for item in rows:
        running.add(item)
    running.close()


def test_what_was_written_is_read(tmp_path):
    write_manifest(tmp_path, CONFIG, GEOMETRY, reversed(ROWS))
    manifest = read_manifest(tmp_path)
    assert manifest.rows == ROWS  # sorted by photo_id
    assert (manifest.folder, manifest.config) == (tmp_path, CONFIG)
    assert manifest.geometry == GEOMETRY
    assert manifest.faces() == [ROWS[0], ROWS[2]]
    data = (tmp_path / MANIFEST).read_bytes()
    assert manifest.sha256 == hashlib.sha256(data).hexdigest()


def test_the_order_of_work_leaves_no_trace(tmp_path):
    for name, rows in (("a", ROWS), ("b", reversed(ROWS))):
        write_manifest(tmp_path / name, CONFIG, GEOMETRY, rows)
    one, other = ((tmp_path / name / MANIFEST).read_bytes() for name in "ab")
    assert one == other
    assert len(one.splitlines()) == 4


def test_any_file_name_is_kept(tmp_path):
    stray_byte = b"\xff.jpg".decode("utf-8", "surrogateescape")
    # A next-line, a line separator and a file separator are legal in names.
    names = ["a\x85b.jpg", "c\u2028d.jpg", "e\x1cf.jpg", "Zoë.jpg", stray_byte]
    rows = [row(name) for name in sorted(names)]
    keep(tmp_path, rows)
    assert earlier(tmp_path) == rows
    write_manifest(tmp_path, CONFIG, GEOMETRY, rows)
    assert read_manifest(tmp_path).rows == rows


def test_a_missing_manifest_says_what_to_run(tmp_path):
    with pytest.raises(MissingInput, match=r"manifest\.jsonl: no such file\. Run"):
        read_manifest(tmp_path)


def test_a_newer_version_is_refused_whatever_its_rows_look_like(tmp_path):
    header = {"format_version": 2, "setup": {}}
    (tmp_path / MANIFEST).write_text(f"{json.dumps(header)}\n[1, 2]\n")
    with pytest.raises(BadRecord, match="format version 2, expected 1"):
        read_manifest(tmp_path)


def damaged_versions(whole):
    header = json.loads(whole.split(b"\n")[0])
    less = {name: value for name, value in header.items() if name != "config"}
    return {
        "empty": b"",
        "half a header": whole[:20],
        "half a row": whole[:-30],
        "no config": json.dumps(less).encode() + b"\n",
        "a list": b"[]\n",
        "no text": b"\xff\xfe" + whole,
        "other fields": whole + b'{"photo_id": "x", "masked": []}\n',
        "zeros": whole + bytes(100),
    }


@pytest.mark.parametrize("damage", sorted(damaged_versions(b"{}\n")))
def test_damage_is_one_line_and_augment_recovers(tmp_path, damage):
    write_manifest(tmp_path, CONFIG, GEOMETRY, ROWS)
    whole = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(damaged_versions(whole)[damage])
    with pytest.raises(BadRecord, match=r"damaged .* Run again") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)
    # The remedy that the message names: what is whole is used again.
    known = earlier(tmp_path)
    assert all(item in ROWS for item in known)
    kept = {"half a row": 2, "other fields": 3, "zeros": 3}
    assert len(known) == kept.get(damage, 0)


def test_a_journal_keeps_rows_before_it_is_closed(tmp_path):
    running = journal(tmp_path)
    for item in ROWS[:2]:
        running.add(item)
    assert earlier(tmp_path) == ROWS[:2]  # while the writer still runs
    running.close()


def test_half_a_last_line_is_cut_off_and_work_goes_on(tmp_path):
    keep(tmp_path, ROWS[:2])
    whole = (tmp_path / JOURNAL).read_bytes()
    for missing in (1, 2, 40):
        (tmp_path / JOURNAL).write_bytes(whole[:-missing])
        rows = earlier(tmp_path)
        assert rows in (ROWS[:1], ROWS[:2])
        keep(tmp_path, ROWS[2:])
        # The half line did not swallow the next row.
        assert ROWS[2] in earlier(tmp_path)
        assert all(item in ROWS for item in earlier(tmp_path))


def test_half_a_header_starts_anew(tmp_path):
    keep(tmp_path, ROWS)
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole[:15])
    assert earlier(tmp_path) == []
    keep(tmp_path, ROWS[:1])
    assert earlier(tmp_path) == ROWS[:1]


def test_rows_of_other_options_do_not_count(tmp_path):
    keep(tmp_path, ROWS)
    other = CONFIG | {"seed": 4}
    assert earlier(tmp_path, other) == []
    assert list(Journal(tmp_path, CONFIG, ChipGeometry()).earlier_rows()) == []
    keep(tmp_path, ROWS[:1], other)
    assert earlier(tmp_path, other) == ROWS[:1]


def test_finishing_removes_the_journal_and_keeps_the_rows(tmp_path):
    keep(tmp_path, ROWS)
    write_manifest(tmp_path, CONFIG, GEOMETRY, ROWS)
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    assert earlier(tmp_path) == ROWS


def test_a_journal_without_rows_leaves_no_file(tmp_path):
    keep(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_manifest_and_journal(tmp_path, monkeypatch):
    write_manifest(tmp_path, CONFIG, GEOMETRY, ROWS[:1])
    keep(tmp_path, ROWS[1:])

    def full(self, target):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="no space"):
            write_manifest(tmp_path, CONFIG, GEOMETRY, ROWS)
    assert read_manifest(tmp_path).rows == ROWS[:1]
    assert earlier(tmp_path) == ROWS
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, JOURNAL}
