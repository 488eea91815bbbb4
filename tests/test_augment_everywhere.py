"""The same bytes from any number of processes and machines, and after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from masking.augment.config import AugmentConfig
from masking.augment.journal import partial_of
from masking.augment.manifest import MANIFEST
from masking.augment.stage import augment, merge_parts
from masking.errors import BadRecord, InvalidConfig, MissingInput
from tests.fakes.drawn_people import DrawnFinder, draw_person

ROOT = Path(__file__).resolve().parents[1]
CONFIG = AugmentConfig(variants=1, output="both", alpha=True, parts=True, workers=1)
PEOPLE, PHOTOS = 6, 4


def contents(folder):
    """Every file of a folder that is not of one part alone."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".shard-" not in path.name
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six drawn people, four photos each, one without a face and one damaged."""
    folder = tmp_path_factory.mktemp("photos")
    for person in range(PEOPLE):
        for photo in range(PHOTOS):
            path = folder / f"{person}" / f"{photo}.png"
            draw_person(path, person + 9, photo, found=(person, photo) != (1, 1))
    (folder / "2" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture(scope="module")
def alone(photos, tmp_path_factory):
    """What one process makes of them."""
    out = tmp_path_factory.mktemp("alone")
    report = augment(photos, out, CONFIG, DrawnFinder)
    assert (report.faces, len(report.skipped)) == (PEOPLE * PHOTOS - 1, 2)
    made = contents(out)
    # Chip, masked chip and masked photo, both with alpha and parts; three records.
    assert len(made) == report.faces * 7 + 3
    return made


@pytest.mark.parametrize("workers", [2, 4])
def test_more_processes_write_the_same_bytes(workers, photos, alone, tmp_path):
    augment(photos, tmp_path, replace(CONFIG, workers=workers), DrawnFinder)
    assert contents(tmp_path) == alone


def test_another_order_writes_the_same_bytes(photos, alone, tmp_path):
    # Copied back to front, so that the disk lists them in another order.
    for path in sorted(photos.rglob("*.png"), reverse=True):
        copy = tmp_path / "photos" / path.relative_to(photos)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    out = tmp_path / "out"
    augment(tmp_path / "photos", out, CONFIG, DrawnFinder)
    assert contents(out) == alone


def test_parts_in_any_order_merge_to_the_same_bytes(photos, alone, tmp_path):
    for number in (3, 1, 2):
        part = augment(
            photos, tmp_path, replace(CONFIG, shard=f"{number}/3"), DrawnFinder
        )
        assert 2 <= part.photos <= 20
        if number != 2:
            with pytest.raises(MissingInput, match=r"of 3 parts .* missing: .*2"):
                merge_parts(photos, tmp_path, preview=False)
    merge_parts(photos, tmp_path, preview=False)
    assert contents(tmp_path) == alone
    # Merging again changes nothing, a part that is made again uses its own rows.
    again = augment(photos, tmp_path, replace(CONFIG, shard="2/3"), DrawnFinder)
    assert again.reused == again.faces > 0
    merge_parts(photos, tmp_path, preview=False)
    assert contents(tmp_path) == alone


def test_a_whole_run_takes_over_the_rows_of_parts(photos, alone, tmp_path):
    for number in (1, 2):
        augment(photos, tmp_path, replace(CONFIG, shard=f"{number}/2"), DrawnFinder)
    report = augment(photos, tmp_path, CONFIG, DrawnFinder)
    assert report.reused == report.faces == PEOPLE * PHOTOS - 1
    assert not list(tmp_path.glob("*.shard-*"))
    made, expected = contents(tmp_path), dict(alone)
    del made["report.json"], expected["report.json"]  # tells how many were reused
    assert made == expected


def test_parts_that_do_not_fit_are_refused(photos, tmp_path):
    with pytest.raises(MissingInput, match="one division into parts, found none"):
        merge_parts(photos, tmp_path, preview=False)
    augment(photos, tmp_path, replace(CONFIG, shard="1/2"), DrawnFinder)
    augment(photos, tmp_path, replace(CONFIG, shard="2/2", seed=1), DrawnFinder)
    with pytest.raises(BadRecord, match=r"shard-2-of-2\.jsonl: .*other options"):
        merge_parts(photos, tmp_path, preview=False)
    augment(photos, tmp_path, replace(CONFIG, shard="1/3"), DrawnFinder)
    with pytest.raises(MissingInput, match="one division into parts, found 2, 3"):
        merge_parts(photos, tmp_path, preview=False)
    for wrong in ("0/2", "3/2", "1", "a/b", "1/2/3"):
        with pytest.raises(InvalidConfig, match="shard must be I/N"):
            replace(CONFIG, shard=wrong)


def test_a_damaged_part_is_named(photos, tmp_path):
    augment(photos, tmp_path, replace(CONFIG, shard="1/2"), DrawnFinder)
    augment(photos, tmp_path, replace(CONFIG, shard="2/2"), DrawnFinder)
    part = tmp_path / "manifest.shard-2-of-2.jsonl"
    part.write_bytes(part.read_bytes()[:-30])
    with pytest.raises(BadRecord, match=r"shard-2-of-2\.jsonl: damaged"):
        merge_parts(photos, tmp_path, preview=False)
    assert not (tmp_path / MANIFEST).exists()


SLOW_RUN = """
import sys, time
from dataclasses import replace
from pathlib import Path

from tests.fakes.drawn_people import DrawnFinder
from masking.augment.stage import augment
from tests.test_augment_everywhere import CONFIG


class SlowFinder(DrawnFinder):
    def find(self, image):
        time.sleep(0.05)
        return super().find(image)


if __name__ == "__main__":
    photos, out, workers = sys.argv[1:]
    config = replace(CONFIG, workers=int(workers))
    augment(Path(photos), Path(out), config, SlowFinder)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_is_resumed_to_the_same_bytes(workers, photos, alone, tmp_path):
    script, out = tmp_path / "run.py", tmp_path / "out"
    script.write_text(SLOW_RUN)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])
    running = subprocess.Popen(
        [sys.executable, script, photos, out, str(workers)],
        env=os.environ | {"PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    journal = partial_of(out / MANIFEST)
    _wait_for(lambda: journal.is_file() and journal.read_bytes().count(b"\n") > 4)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not (out / MANIFEST).exists()
    (out / "chips" / "0" / ".writing-0123456789abcdef").write_bytes(b"half")
    report = augment(photos, out, CONFIG, DrawnFinder)
    assert 4 <= report.reused < report.faces
    made, expected = contents(out), dict(alone)
    del made["report.json"], expected["report.json"]  # tells how many were reused
    assert made == expected


def _wait_for(met):
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.02)
