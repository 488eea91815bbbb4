"""Fills the disk at every stage of each command; then makes room and runs it again.

The disk is a small one in memory, which takes root to mount; without that, files may
only grow up to a size.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.faults.files.file_states import States
from benchmarks.faults.processes.children import Done, run
from benchmarks.faults.processes.kills import Job, jobs
from benchmarks.faults.small_workspace import names_of, shapes, succeed
from benchmarks.faults.tally import Tally, Trial

_DISK_BYTES = 600 << 20
_BLOCK = 4096


@dataclass(frozen=True)
class Whole:
    """How a job ends on a large disk: people, kinds of file, and room that it took."""

    people: dict[str, int]
    shapes: set[str]
    needed: int


def try_full_disks(trial: Trial, count: int) -> Tally:
    """Run `count` commands with too little room."""
    tally = Tally("full disk")
    with _disk(trial.folder / "disk") as home:
        small = home is not None
        states = States(_fresh(trial.folder / "writing"), home)
        every = _jobs(states.workspace)
        whole: dict[str, Whole] = {}
        for number in tqdm(range(count), "full disk", mininterval=5):
            job = every[number % len(every)]
            if job.name not in whole:
                whole[job.name] = _whole(states, job)
            rng = trial.rng("disk", number)
            # Small fractions are the first writes, of which there are many.
            room = int(whole[job.name].needed * rng.random() ** 2)
            what = f"{job.name} | {number} with {room} bytes"
            _try_one(states, (job, whole[job.name]), (room, small), what, tally)
    _try_full_output(States(_fresh(trial.folder / "output")), count, tally)
    return tally


def _jobs(workspace: Path) -> list[Job]:
    """Those that are killed, and those that only write."""
    probe = workspace / "photos" / "probe.jpg"
    made = workspace / "made"
    one = ("--workers", "1", "--model", "shipped")
    table = ("--csv", made / "answers.csv")
    return [
        *jobs(workspace),
        Job("identify", "gallery", ("identify", probe, *table)),
        Job("export", "gallery", ("gallery", "export", made / "gallery.npz")),
        Job(
            "embed",
            "inputs",
            ("embed", workspace / "people", "--out", made / "e.npz", *one),
        ),
        Job(
            "evaluate",
            "inputs",
            ("evaluate", workspace / "people", "--rounds", "0", *one),
        ),
        Job("restore", "gallery", ("gallery", "restore", "--force", "--yes")),
        Job("rename", "gallery", ("gallery", "rename", "Person_02", "Another")),
    ]


def _whole(states: States, job: Job) -> Whole:
    workspace = states.restore(job.state)
    before = _size(workspace)
    succeed(job.words(workspace), states.scratch)
    people = _people(states)
    grown = _size(workspace) - before
    # A database is rewritten beside itself.
    gallery = workspace / "gallery" / "gallery.sqlite"
    needed = max(grown, 0) + (2 * gallery.stat().st_size if gallery.exists() else 0)
    return Whole(people, shapes(workspace), needed)


def _try_one(
    states: States,
    planned: tuple[Job, Whole],
    limits: tuple[int, bool],
    what: str,
    tally: Tally,
) -> None:
    (job, whole), (room, small) = planned, limits
    workspace = states.restore(job.state)
    before, words = _people(states), job.words(workspace)
    tally.tried += 1
    if small:
        filler = states.workspace.parent / "filler"
        _fill(filler, room)
        first = run(words, states.scratch)
        filler.unlink()
    else:
        first = run(words, states.scratch, prepare=_growth_limit(workspace, room))
    tally.peak_mb = max(tally.peak_mb, first.peak_mb)
    if first.flaw:
        tally.fault(first.flaw, f"{what}: {first.last_words}")
    elif first.code not in (0, 2, 3):
        tally.fault("wrong", f"{what}: {first.code} {first.last_words}")
    _check_between(states, job, before, first, f"{what}:", tally)
    again = run(words, states.scratch)
    done_before = job.name in ("remove", "rename") and first.code != 2
    if again.flaw:
        tally.fault(again.flaw, f"{what}: run again: {again.last_words}")
    elif (
        again.code not in (0, 3) and not done_before and _people(states) != whole.people
    ):
        tally.fault("wrong", f"{what}: run again: {again.code} {again.last_words}")
    if _people(states) != whole.people:
        tally.fault("wrong", f"{what}: run again, the gallery holds other people")
    for name in sorted(shapes(workspace) - whole.shapes):
        tally.fault("left_over", f"{what}: {name}")


def _check_between(
    states: States,
    job: Job,
    before: dict[str, int],
    first: Done,
    what: str,
    tally: Tally,
) -> None:
    """Nobody is lost whom the command was not to change."""
    if job.state != "gallery":
        return
    words = ("gallery", "list", "--workspace", states.workspace)
    listed = run(words, states.scratch)
    if listed.code:
        tally.fault(listed.flaw or "lost", f"{what} list: {listed.last_words}")
        return
    changed = {"Person_02"} if job.name in ("remove", "rename") else set()
    for name in before.keys() - _people(states).keys() - changed:
        tally.fault("lost", f"{what} {name} is not there")
    if job.name == "remove" and first.code == 0 and "Person_02" in _people(states):
        tally.fault("undead", f"{what} the removal was acknowledged")


def _try_full_output(states: States, most: int, tally: Tally) -> None:
    """Standard output to a full device, for each command: a line and exit code 2."""
    for job in _jobs(states.workspace)[:most]:
        workspace = states.restore(job.state)
        done = run(job.words(workspace), states.scratch, prepare=_full_output)
        tally.tried += 1
        if done.flaw or done.code != 2:
            count = done.flaw or "wrong"
            said = f"{done.code} {done.last_words}"
            tally.fault(count, f"{job.name} | output to a full device: {said}")


def _full_output() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def _people(states: States) -> dict[str, int]:
    return names_of(states.workspace, states.scratch)


def _size(folder: Path) -> int:
    return sum(p.stat().st_size + _BLOCK for p in folder.rglob("*") if p.is_file())


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _growth_limit(folder: Path, room: int) -> Callable[[], None]:
    """No file grows beyond the largest of the gallery's and `room` more."""
    sizes = [p.stat().st_size for p in folder.glob("gallery/*") if p.is_file()]
    most = max(sizes, default=0) + room

    def prepare() -> None:
        # The signal would kill; without it, writing fails.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return prepare


def _fill(filler: Path, room: int) -> None:
    """Take all of a disk but `room` bytes."""
    disk = os.statvfs(filler.parent)
    size = disk.f_bavail * disk.f_frsize - room // _BLOCK * _BLOCK
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(size, _BLOCK))


@contextmanager
def _disk(place: Path) -> Iterator[Path | None]:
    """A small disk; None where it may not be mounted."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(place)]
    tool = shutil.which("mount")
    allowed = bool(tool) and not subprocess.run(mount, capture_output=True).returncode
    try:
        yield place if allowed else None
    finally:
        if allowed:
            subprocess.run(["umount", str(place)], check=True)
