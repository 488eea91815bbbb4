"""A person leaves an augmented folder with all that was made of their photographs."""

import json
import shutil

import pytest

from masking.augment.erasure import forget_people
from masking.augment.journal import Journal, recorded_rows
from masking.augment.manifest import read_manifest, sealed_line

GONE = "Person_02"


@pytest.fixture
def out(small_manifest, tmp_path):
    shutil.copytree(small_manifest.folder, tmp_path / "augmented")
    return tmp_path / "augmented"


def named(identity, sha256):
    return identity == GONE


def files(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_rows_files_and_folders_go_and_the_rest_stays(out):
    before = read_manifest(out)
    theirs = [row for row in before.rows if row.identity == GONE]
    others = [row for row in before.rows if row.identity != GONE]
    assert (len(theirs), len(others)) == (3, 21)
    assert forget_people(out, named)
    after = read_manifest(out)
    assert after.rows == others
    assert after.config == before.config
    made = {name for row in others for name in row.files()}
    assert files(out) == made | {"manifest.jsonl", "preview.png", "report.json"}
    assert not list(out.rglob(f"*{GONE}*"))
    report = json.loads((out / "report.json").read_text())
    assert (report["photos"], report["people"]) == (21, 7)
    assert not forget_people(out, named)


def test_a_photograph_is_known_by_its_content(out):
    wanted = read_manifest(out).rows[0].sha256
    assert forget_people(out, lambda identity, sha256: sha256 == wanted)
    rows = read_manifest(out).rows
    assert len(rows) == 23
    assert wanted not in {row.sha256 for row in rows}
    # Others of the same folder keep it.
    assert {row.files()[0] for row in rows} <= files(out)


def test_nobody_is_found_and_nothing_is_changed(out):
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert not forget_people(out, lambda identity, sha256: False)
    assert before == {path: path.read_bytes() for path in before}


def test_records_of_killed_runs_and_parts_forget_too(out):
    header, *lines, end = (out / "manifest.jsonl").read_text().splitlines()
    theirs = [line for line in lines if f'"identity": "{GONE}"' in line]
    kept, other = (
        sealed_line({"kept": json.loads(line)["photo_id"]}).rstrip()
        for line in (theirs[0], lines[-1])
    )
    half = theirs[1][:200]
    partial = out / "manifest.partial.jsonl"
    partial.write_text("\n".join([header, kept, other, theirs[1], half]))
    part = out / "manifest.shard-1-of-2.jsonl"
    part.write_text("\n".join([header, *theirs, lines[-1], end]) + "\n")
    (out / "preview.shard-1-of-2.png").write_bytes(b"sheet")
    # Written of a photograph that has no row yet.
    (out / "chips" / GONE / "late.jpg").write_bytes(b"late")
    (out / "chips" / GONE / ".writing-00").write_bytes(b"half")
    assert forget_people(out, named)
    assert partial.read_text() == f"{header}\n{other}\n"
    assert part.read_text() == f"{header}\n{lines[-1]}\n" + sealed_line({"rows": 1})
    assert not (out / "preview.shard-1-of-2.png").exists()
    assert not any(GONE in name for name in files(out))


def test_a_killed_first_run_forgets_what_has_no_row(tmp_path):
    chip = tmp_path / "chips" / GONE / "1.jpg"
    chip.parent.mkdir(parents=True)
    chip.write_bytes(b"chip")
    (tmp_path / "chips" / "Person_03").mkdir()
    assert forget_people(tmp_path, named)
    assert [path.name for path in tmp_path.rglob("*")] == ["chips", "Person_03"]


def test_stale_rows_of_a_killed_run_with_other_options_forget_too(out):
    manifest, partial = out / "manifest.jsonl", out / "manifest.partial.jsonl"
    manifest.rename(partial)
    journal = Journal(manifest, "another header\n")
    journal.add(next(row for row in recorded_rows(partial) if row.identity != GONE))
    journal.close()
    assert partial.read_text().count('"stale": true') == 24
    assert forget_people(out, named)
    assert GONE not in partial.read_text()
    assert not list(out.rglob(f"*{GONE}*"))
    assert len(list(recorded_rows(partial))) == 21 + 1
