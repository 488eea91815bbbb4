"""The attack finds what it looks for, and on the toolkit a small one finds no loss."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from benchmarks.faults.erasure.traces import name_traces, near_vectors, traces_below
from benchmarks.faults.faults import table
from benchmarks.faults.files.byte_damage import BYTES, JSON, TEXT
from benchmarks.faults.pictures.base_pictures import base_pictures
from benchmarks.faults.pictures.picture_damage import resized
from benchmarks.faults.pictures.picture_traces import leaves_no_trace
from benchmarks.faults.small_workspace import hashes, shapes
from benchmarks.faults.tally import Tally, Trial
from masking.datasets.sample import sample_people

ROOT = Path(__file__).resolve().parents[3]


def run(code, folder):
    """What a process of its own prints, which may fork: this one has threads."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PICTURES = """
import json, time
from pathlib import Path
import numpy as np
from benchmarks.faults.pictures import pictures
from benchmarks.faults.pictures.base_pictures import BasePicture
from masking.errors import UnreadableImage

shown = np.full((10, 10, 3), 100, dtype=np.uint8)

def fake(path):
    what = path.name
    if what == "refuse":
        raise UnreadableImage("no")
    if what == "two lines":
        raise UnreadableImage("no" + chr(10) + "no")
    if what == "raise":
        raise ValueError("odd")
    if what == "hang":
        time.sleep(60)
    if what == "die":
        import os; os.abort()
    if what == "large":
        np.ones(1 << 24, dtype=np.float64)
    found = shown.copy()
    # 5 and 6 of 100 pixels, by 33 and by 32 levels.
    places = {"five": 5, "six": 6, "six by 32": 6}.get(what, 0)
    found.reshape(-1, 3)[:places, 1] += 32 if what == "six by 32" else 33
    return found[:9] if what == "cut" else found

pictures.read_rgb, pictures._LIMIT_S = fake, 10.0
reader = pictures.Reader(Path("."), [BasePicture("png", ".png", b"", shown)])
names = ("refuse", "two lines", "raise", "hang", "die", "five", "six", "six by 32",
         "cut", "whole")
outcomes = {name: reader.read(Path(name), 0).outcome for name in names}
sizes = [reader.read(Path(name), 0).peak_mb for name in ("whole", "large", "whole")]
reader.close()
print(json.dumps([outcomes, sizes]))
"""


def test_every_harm_of_a_reader_is_told(tmp_path):
    outcomes, (small, large, again) = run(PICTURES, tmp_path)
    assert outcomes == {
        "refuse": "refused",
        "two lines": "tracebacks",
        "raise": "tracebacks",
        "hang": "hangs",
        "die": "crashes",
        "five": "same",
        "six": "wrong",
        "six by 32": "same",
        "cut": "wrong",
        "whole": "same",
    }
    # 8 bytes times 2^24, once.
    assert large - small == pytest.approx(128, abs=20)
    assert again - small == pytest.approx(0, abs=20)


COMMANDS = """
import json, os, signal, sys, time
from pathlib import Path
import cli
from benchmarks.faults.processes.children import Moment, run

def fake(words):
    if words[0] == "two":
        Path("first").write_text("1"); Path("second").write_text("2"); return
    if words[0] == "sleep":
        time.sleep(60)
    if words[0] == "raise":
        raise ValueError("odd")
    if words[0] == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if words[0] == "refuse":
        print("error: what, where, remedy.", file=sys.stderr)
    if words[0] == "mumble":
        print("error: one" + chr(10) + "error: two", file=sys.stderr)
    sys.exit(2 if words[0] in ("refuse", "mumble", "silent") else 0)

cli.main = fake
here = Path(".")
names = ("raise", "die", "refuse", "mumble", "silent", "well")
flaws = {name: run([name], here).flaw for name in names}
flaws["sleep"] = run(["sleep"], here, limit_s=0.3).flaw
counted = run(["two"], here, Moment(file_event=0)).file_events
killed = [run(["two"], here, Moment(file_event=2)).killed]
there = [Path(name).read_text() for name in ("first", "second")]
for name in ("first", "second"):
    Path(name).unlink()
killed.append(run(["two"], here, Moment(file_event=2)).killed)
left = [name for name in ("first", "second") if Path(name).exists()]
killed.append(run(["sleep"], here, Moment(seconds=0.2)).killed)
killed.append(run(["well"], here, Moment(seconds=20)).killed)
print(json.dumps([flaws, counted, killed, there, left]))
"""


def test_every_end_of_a_command_is_told(tmp_path):
    flaws, counted, killed, there, left = run(COMMANDS, tmp_path)
    assert flaws == {
        "raise": "tracebacks",
        "die": "crashes",
        "refuse": "",
        "mumble": "tracebacks",
        "silent": "tracebacks",
        "well": "",
        "sleep": "hangs",
    }
    assert counted == 2
    assert killed == [True, True, True, False]
    assert there == ["1", "2"]
    assert left == ["first"]


def test_pictures_are_what_their_kind_says():
    photo = min(sample_people().glob("*/*.jpg"))
    found = {base.kind: base for base in base_pictures(photo)}
    deep = Pillow.open(io.BytesIO(found["png 16-bit grey"].data))
    assert deep.mode == "I;16"
    # 255 of 255 is 65535 of 65535.
    grey = found["png 16-bit grey"].pixels[:, :, 0].astype(int)
    np.testing.assert_array_equal(np.asarray(deep).astype(int), grey * 257)
    floats = Pillow.open(io.BytesIO(found["tiff float to 1"].data))
    assert floats.mode == "F"
    np.testing.assert_allclose(np.asarray(floats), grey / 255, atol=1e-6)
    twelve = Pillow.open(io.BytesIO(found["tiff 12-bit"].data))
    assert np.abs(np.asarray(twelve).astype(int) / 4095 * 255 - grey).max() < 0.1
    assert found["tiff 16-bit rgb"].pixels.shape == (250, 250, 3)


@pytest.mark.parametrize("kind", ["jpeg", "jpeg progressive", "png", "bmp", "webp"])
def test_a_header_gets_another_size(kind, monkeypatch):
    photo = min(sample_people().glob("*/*.jpg"))
    base = next(base for base in base_pictures(photo) if base.kind == kind)
    assert Pillow.open(io.BytesIO(base.data)).size == (250, 250)
    changed = resized(base, (120, 77))
    assert Pillow.open(io.BytesIO(changed)).size == (120, 77)


def test_what_no_reader_can_know():
    photo = min(sample_people().glob("*/*.jpg"))
    jpeg = base_pictures(photo)[0].data
    assert leaves_no_trace("zero tail", "bmp", b"")
    assert not leaves_no_trace("cut", "bmp", b"")
    assert not leaves_no_trace("flip", "png grey", b"")
    assert leaves_no_trace("flip", "jpeg", jpeg)
    assert not leaves_no_trace("zero tail", "jpeg", jpeg[:3000] + bytes(3000))


def test_damage_is_drawn_by_seed_and_try():
    def drawn(seed, number):
        rng = Trial(Path(), Path(), seed).rng("x", number)
        data = b'{"a": [1, 2, {"b": "word"}]}\n' * 9
        return [way(data, rng) for way in (BYTES | TEXT | JSON).values()]

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)


def test_traces_are_found_in_bytes_and_names(tmp_path):
    traces = name_traces("Zoë Quill")
    written = {
        "plain": "a Zoë Quill".encode(),
        "escaped": b'{"name": "Zo\\u00eb Quill"}',
        "wide": "Zoë Quill".encode("utf-16-le"),
        "url": b"Zo%C3%AB%20Quill",
        "nothing": b"Zo Quill",
        "Zoë_Quill.txt": b"",
    }
    for name, data in written.items():
        (tmp_path / name).write_bytes(data)
    found = {file for file, _ in traces_below(tmp_path, traces)}
    assert found == written.keys() - {"nothing"}


def test_near_vectors_are_found(tmp_path):
    face = np.zeros(128, dtype=np.float32)
    near, far = face.copy(), face.copy()
    near[0], far[0] = 0.3, 0.5
    np.save(tmp_path / "near.npy", np.stack([far, near]))
    np.save(tmp_path / "far.npy", np.stack([far, far]))
    np.save(tmp_path / "other.npy", np.zeros((2, 64)))
    np.savez(tmp_path / "near.npz", a=np.zeros(3), b=near[None])
    found = near_vectors(tmp_path, {face.tobytes(), "text"}, 0.4)
    assert [file for file, _ in found] == ["near.npy", "near.npz"]


def test_names_that_vary_are_alike(tmp_path):
    for name in (
        "20261128T171225548751Z.sqlite",
        "embedder-0123456789ab.pt",
        ".new-x1",
    ):
        (tmp_path / name).write_bytes(b"")
    assert shapes(tmp_path) == {"#.sqlite", "embedder-#.pt", ".new-x1"}


def test_table_counts_faults_by_kind():
    tally = Tally("kills", tried=7, peak_mb=12.4)
    for number in (3, 4):
        tally.fault("lost", f"enroll | {number}")
    tally.fault("unknowable", "a picture | 5")
    lines = table([tally]).splitlines()
    assert lines[0].split() == [
        *("trial", "tried", "lost", "undead", "erased", "found", "tracebacks"),
        *("crashes", "wrong", "left", "over", "hangs", ">", "1", "GB"),
        *("peak", "MB"),
    ]
    assert lines[1].replace(" ", "") == "kills720000000012"
    assert lines[2:] == [
        "    1 kills: another picture in a valid file, which nobody can know",
        "    2 kills: lost: enroll",
    ]


def test_a_small_attack_loses_nobody():
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "benchmarks.faults.faults",
                "--json",
                "--no-erasure",
            ),
            *("--pictures", "60", "--files", "4", "--kills", "4", "--seconds", "2"),
            # Its draws need photographs and a gallery, but no training, which takes
            # most of the time: four files of other kinds, and enroll, remove,
            # rebuild and backup are killed once each.
            *("--seed", "1238"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["trial"]: row for row in json.loads(done.stdout)}
    assert list(rows) == ["pictures", "files", "kills", "full disk", "four at once"]
    for row in rows.values():
        for count in ("lost", "undead", "erased_found", "crashes", "hangs"):
            assert row[count] == 0, row["faults"]
    # Every trial did something.
    assert rows["pictures"]["tried"] > 60
    assert rows["files"]["tried"] == 4
    assert 1 <= rows["kills"]["tried"] <= 4
    assert rows["full disk"]["tried"] == 2
    assert rows["four at once"]["tried"] > 10
    assert rows["four at once"]["wrong"] == 0


def test_a_second_run_may_count_other_deleted_files(tmp_path):
    # What a killed run left half made is deleted by the next and counted there.
    for name, deleted in (("whole", 0), ("again", 1)):
        report = {"faces": 8, "deleted": deleted, "reused": deleted}
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(report, indent=2))
    whole, again = (
        hashes([tmp_path / name / "report.json"]) for name in ("whole", "again")
    )
    assert [line.split()[1] for line in whole] == [line.split()[1] for line in again]
