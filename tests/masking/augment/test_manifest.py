"""The record of an augmented folder survives kills, odd names and newer versions."""

import hashlib
import json
from pathlib import Path

import pytest

from masking.augment.journal import Journal, partial_of
from masking.augment.manifest import (
    MANIFEST,
    ManifestRow,
    MaskedFile,
    MaskedPhoto,
    WornMask,
    header_of,
    read_manifest,
    record_of,
    sealed_line,
    write_manifest,
)
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry

CONFIG = {"seed": 3, "kinds": "cloth"}
GEOMETRY = ChipGeometry(size_px=200, padding=0.5, points="inner")
SPEC = {"kind": "cloth", "wearing_style": "crooked", "seed": 1}


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
        masked=[MaskedFile(f"masked/{photo_id}-0.jpg", [SPEC], "crooked", "a.png")],
        face_landmarks=[[[1.25, 2.5]] * 68] * 2,
        photos=[
            MaskedPhoto(
                f"photos/{photo_id}-0.jpg",
                [WornMask(0, [SPEC, SPEC], "crooked"), WornMask(1, [], "", "no")],
                parts="b.png",
            )
        ],
    )


ROWS = [row("Ann/1.jpg"), row("Ann/2.jpg", "no face found"), row("Bob/1.jpg")]


def journal(folder, config=CONFIG, geometry=GEOMETRY):
    return Journal(folder / MANIFEST, header_of(config, geometry))


def finished(folder, rows):
    write_manifest(folder / MANIFEST, header_of(CONFIG, GEOMETRY), rows)


def earlier(folder, config=CONFIG):
    return list(journal(folder, config).earlier_rows())


def keep(folder, rows, config=CONFIG):
    running = journal(folder, config)
    for item in rows:
        running.add(item)
    running.close()


def test_what_was_written_is_read(tmp_path):
    finished(tmp_path, ROWS)
    manifest = read_manifest(tmp_path)
    assert manifest.rows == ROWS  # sorted by photo_id
    assert (manifest.folder, manifest.config) == (tmp_path, CONFIG)
    assert manifest.geometry == GEOMETRY
    assert manifest.faces() == [ROWS[0], ROWS[2]]
    data = (tmp_path / MANIFEST).read_bytes()
    assert manifest.sha256 == hashlib.sha256(data).hexdigest()


def test_rows_out_of_order_or_twice_are_refused(tmp_path):
    for wrong in (ROWS[::-1], [ROWS[0], ROWS[0]]):
        with pytest.raises(ValueError, match=r"out of order"):
            finished(tmp_path, wrong)
    assert list(tmp_path.iterdir()) == []


def test_any_file_name_is_kept(tmp_path):
    stray_byte = b"\xff.jpg".decode("utf-8", "surrogateescape")
    # A next-line, a line separator and a file separator are legal in names.
    names = ["a\x85b.jpg", "c\u2028d.jpg", "e\x1cf.jpg", "Zoë.jpg", stray_byte]
    rows = [row(name) for name in sorted(names)]
    keep(tmp_path, rows)
    assert earlier(tmp_path) == rows
    finished(tmp_path, rows)
    assert read_manifest(tmp_path).rows == rows


def test_a_missing_manifest_says_what_to_run(tmp_path):
    with pytest.raises(MissingInput, match=r"manifest\.jsonl: no such file\. Run"):
        read_manifest(tmp_path)


def test_a_newer_version_is_refused_whatever_its_rows_look_like(tmp_path):
    header = {"format_version": 3, "setup": {}}
    (tmp_path / MANIFEST).write_text(f"{json.dumps(header)}\n[1, 2]\n")
    with pytest.raises(BadRecord, match="format version 3, expected 1"):
        read_manifest(tmp_path)


def damaged_versions(whole):
    header, *lines = whole.splitlines(keepends=True)
    less = {
        name: value for name, value in record_of(header).items() if name != "config"
    }

    def with_record(record):
        # As this program would write it: the checksum and the count are right.
        rows = [*lines[:-1], sealed_line(record).encode()]
        return b"".join([header, *rows, sealed_line({"rows": len(rows)}).encode()])

    return {
        "empty": b"",
        "half a header": whole[:20],
        "half a row": b"".join([header, *lines[:3]])[:-30],
        "the last row lost": b"".join([header, *lines[:2], lines[3]]),
        "the last line lost": b"".join([header, *lines[:3]]),
        "a row twice": b"".join([header, lines[0], *lines]),
        "another number": whole.replace(b"[7.0, 8.0]", b"[7.0, 8.5]", 1),
        "another seed": whole.replace(b'"seed": 3', b'"seed": 4'),
        "no config": sealed_line(less).encode(),
        "a list": b"[]\n",
        "no text": b"\xff\xfe" + whole,
        "other fields": with_record({"photo_id": "x", "masked": []}),
        "zeros": whole + bytes(100),
    } | {
        f"{name} = {value!r:.30}": with_record(
            vars(ROWS[1]) | {"photo_id": "Zoe/9.jpg", name: value}
        )
        for name, value in (
            ("identity", 7),
            ("masked", [5]),
            ("masked", "files"),
            ("photos", ["photo"]),
            ("photos", [{"file": "a.jpg", "worn": [None]}]),
            ("chip_landmarks", [[1.0, 2.0]]),
            ("chip_landmarks", [[1.0, "left"]] * 68),
            ("face_landmarks", [[[1.0], [2.0]]]),
            ("look", [{}]),
        )
    }


def written(folder):
    finished(folder, ROWS)
    return (folder / MANIFEST).read_bytes()


def test_damage_is_one_line_and_augment_recovers(tmp_path):
    for damage, data in damaged_versions(written(tmp_path)).items():
        (tmp_path / MANIFEST).write_bytes(data)
        recovers(tmp_path, damage)


def recovers(tmp_path, damage):
    with pytest.raises(BadRecord, match=r"damaged .* Run again") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)
    # The remedy that the message names: what is whole is used again.
    known = earlier(tmp_path)
    assert all(item in ROWS for item in known)
    headless = ("empty", "half a header", "another seed", "no config", "a list")
    kept = dict.fromkeys((*headless, "no text"), 0)
    # Of a row whose checksum differs the photograph is looked at again.
    kept |= dict.fromkeys(("half a row", "the last row lost", "another number"), 2)
    assert len(known) == kept.get(damage, 3), damage


def test_a_journal_keeps_rows_before_it_is_closed(tmp_path):
    running = journal(tmp_path)
    for item in ROWS[:2]:
        running.add(item)
    assert earlier(tmp_path) == ROWS[:2]  # while the writer still runs
    running.close()


def test_half_a_last_line_is_cut_off_and_work_goes_on(tmp_path):
    keep(tmp_path, ROWS[:2])
    whole = partial_of(tmp_path / MANIFEST).read_bytes()
    for missing in (1, 2, 40):
        partial_of(tmp_path / MANIFEST).write_bytes(whole[:-missing])
        rows = earlier(tmp_path)
        assert rows in (ROWS[:1], ROWS[:2])
        keep(tmp_path, ROWS[2:])
        # The half line did not swallow the next row.
        assert ROWS[2] in earlier(tmp_path)
        assert all(item in ROWS for item in earlier(tmp_path))


def test_half_a_header_starts_again(tmp_path):
    keep(tmp_path, ROWS)
    whole = partial_of(tmp_path / MANIFEST).read_bytes()
    partial_of(tmp_path / MANIFEST).write_bytes(whole[:15])
    assert earlier(tmp_path) == []
    keep(tmp_path, ROWS[:1])
    assert earlier(tmp_path) == ROWS[:1]


def test_rows_of_other_options_do_not_count(tmp_path):
    keep(tmp_path, ROWS)
    other = CONFIG | {"seed": 4}
    assert earlier(tmp_path, other) == []
    assert list(journal(tmp_path, geometry=ChipGeometry()).earlier_rows()) == []
    keep(tmp_path, ROWS[:1], other)
    assert earlier(tmp_path, other) == ROWS[:1]


def test_finishing_makes_the_manifest_of_the_rows_of_this_run_alone(tmp_path):
    finished(tmp_path, [row("Ann/0.jpg"), ROWS[0]])
    keep(tmp_path, ROWS[1:2])  # an earlier run that was killed
    running = journal(tmp_path)
    assert len(list(running.earlier_rows())) == 3
    running.keep(ROWS[0].photo_id)  # from the manifest
    running.keep(ROWS[1].photo_id)  # from the journal
    running.add(ROWS[2])
    assert read_manifest(tmp_path).rows[1:] == ROWS[:1]
    running.finish()
    assert read_manifest(tmp_path).rows == ROWS
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_kept_row_survives_the_next_kill(tmp_path):
    finished(tmp_path, ROWS[:1])
    for _ in range(2):
        running = journal(tmp_path)
        running.keep(ROWS[0].photo_id)
        running.add(ROWS[1])
        running.close()
    assert earlier(tmp_path) == ROWS[:2]
    running = journal(tmp_path)
    running.keep(ROWS[0].photo_id)
    running.keep(ROWS[1].photo_id)
    running.finish()
    assert read_manifest(tmp_path).rows == ROWS[:2]


def test_the_last_written_row_of_a_photograph_counts(tmp_path):
    finished(tmp_path, ROWS)
    newer = row("Ann/1.jpg", "damaged")
    keep(tmp_path, [newer])
    assert earlier(tmp_path) == [newer, *ROWS[1:]]
    keep(tmp_path, ROWS[:1])
    assert earlier(tmp_path) == ROWS


def test_every_file_of_a_row_is_named(tmp_path):
    names = ["Ann/1.jpg.jpg", "Ann/1.jpg-0.jpg", "a.png", "Ann/1.jpg-0.jpg", "b.png"]
    folders = ["chips/", "masked/", "", "photos/", ""]
    expected = [f"{one}{two}" for one, two in zip(folders, names, strict=True)]
    assert ROWS[0].files() == expected
    assert ROWS[1].files() == []


def test_a_journal_without_rows_leaves_no_file(tmp_path):
    keep(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_manifest_and_journal(tmp_path, monkeypatch):
    finished(tmp_path, ROWS[:1])
    keep(tmp_path, ROWS[1:])

    def full(self, target):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="no space"):
            finished(tmp_path, ROWS)
    assert read_manifest(tmp_path).rows == ROWS[:1]
    assert earlier(tmp_path) == ROWS
    assert {path.name for path in tmp_path.iterdir()} == {
        MANIFEST,
        partial_of(Path(MANIFEST)).name,
    }
