"""Damaged, odd and huge pictures to the project's one image loader."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.faults.pictures.base_pictures import BasePicture, Pixels, base_pictures
from benchmarks.faults.pictures.picture_damage import bombs, damaged
from benchmarks.faults.pictures.picture_traces import leaves_no_trace
from benchmarks.faults.tally import Tally, Trial
from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.errors import ToolkitError

MOST_MB = 1000
# By the clock; the machine may be busy.
_LIMIT_S = 120.0
_MOST_BYTES = 6 << 30
# A picture is wrong when more of its pixels than this differ by more than these levels.
_WRONG_FRACTION, _WRONG_LEVELS = 0.05, 32
_PHOTOS = 3


@dataclass(frozen=True)
class Task:
    """A file to read.

    Attributes:
        damage: what was done to it.
        kind: of the whole picture.
        base: number of the whole picture; -1 where nobody knows the pixels.
    """

    damage: str
    kind: str
    name: str
    data: bytes
    base: int

    @property
    def what(self) -> str:
        """Damage and kind, for a line."""
        return f"{self.damage} {self.kind}"


@dataclass(frozen=True)
class Reading:
    """What reading a file gave.

    Attributes:
        outcome: "refused", "same", "wrong", "tracebacks", "hangs" or "crashes".
    """

    outcome: str
    words: str = ""
    peak_mb: float = 0.0


class Reader:
    """A process that reads pictures, one after the other; replaced when it dies."""

    def __init__(self, folder: Path, bases: list[BasePicture]):
        self._folder, self._bases = folder, bases
        self._start()

    def _start(self) -> None:
        here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        work = (there, self._folder, [base.pixels for base in self._bases])
        self._process = context.Process(target=_read_for_ever, args=work, daemon=True)
        self._process.start()
        there.close()
        self._pipe = here

    def read(self, path: Path, base: int) -> Reading:
        """Read a file in the process."""
        try:
            self._pipe.send((path, base))
            if self._pipe.poll(_LIMIT_S):
                found: Reading = self._pipe.recv()
                return found
            outcome = Reading("hangs", f"after {_LIMIT_S:g} s")
        except (EOFError, OSError):
            outcome = Reading("crashes")
        self.close()
        self._start()
        return outcome

    def close(self) -> None:
        """End the process."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, signal.SIGKILL)
        self._process.join()
        self._pipe.close()


def try_pictures(trial: Trial, count: int) -> Tally:
    """Read `count` damaged pictures, all whole ones of odd kinds, and bombs.

    Whole pictures are tried first; bombs are left out below 1,000 pictures.
    """
    tally = Tally("pictures")
    photos = [sorted(p.iterdir())[0] for p in sorted(sample_people().iterdir())]
    bases = [base for photo in photos[:_PHOTOS] for base in base_pictures(photo)]
    marker = _set_trap(trial.folder)
    reader = Reader(trial.folder, bases)
    misread: set[str] = set()
    try:
        tasks = _tasks(trial, bases, count)
        for task in tqdm(tasks, "pictures", mininterval=5):
            _try_one(trial, reader, task, tally, misread)
            if marker.exists():
                tally.fault("wrong", f"{task.what}: ran a program | {task.name}")
                marker.unlink()
    finally:
        reader.close()
    return tally


def _tasks(trial: Trial, bases: list[BasePicture], count: int) -> Iterator[Task]:
    for number, base in enumerate(bases):
        name = f"whole-{number}{base.suffix}"
        yield Task("whole", base.kind, name, base.data, number)
    usual = [i for i, base in enumerate(bases) if base.format != "other"]
    for number in range(count):
        rng = trial.rng("picture", number)
        chosen = usual[rng.integers(len(usual))]
        what, suffix, data = damaged(bases[chosen], bases, rng)
        yield Task(what, bases[chosen].kind, f"{number}{suffix}", data, chosen)
    if count >= MOST_MB:
        yield from _bombs(trial.folder)


def _bombs(folder: Path) -> Iterator[Task]:
    """Made in another process, which keeps this one, and so its children, small."""
    made = folder / "bombs"
    made.mkdir()
    maker = multiprocessing.get_context("fork").Process(
        target=_make_bombs, args=(made,)
    )
    maker.start()
    maker.join()
    for path in sorted(made.iterdir()):
        yield Task("bomb", path.stem, path.name, path.read_bytes(), -1)


def _make_bombs(folder: Path) -> None:
    for name, suffix, data in bombs():
        (folder / f"{name}{suffix}").write_bytes(data)


def _try_one(
    trial: Trial, reader: Reader, task: Task, tally: Tally, misread: set[str]
) -> None:
    path = trial.folder / task.name
    path.write_bytes(task.data)
    reading = reader.read(path, task.base)
    path.unlink()
    tally.tried += 1
    tally.peak_mb = max(tally.peak_mb, reading.peak_mb)
    outcome = reading.outcome
    if outcome == "wrong" and task.damage == "whole":
        misread.add(task.kind)
    elif outcome == "wrong" and task.kind in misread:
        # Counted already, without any damage.
        outcome = "same"
    elif outcome == "wrong" and leaves_no_trace(task.damage, task.kind, task.data):
        outcome = "unknowable"
    harm = outcome not in ("refused", "same", "unknowable")
    if outcome not in ("refused", "same"):
        tally.fault(outcome, f"{task.what} | {task.name} {reading.words}")
    if reading.peak_mb > MOST_MB:
        tally.fault("oversized", f"{task.what} | {task.name} {reading.peak_mb:.0f} MB")
    if harm or reading.peak_mb > MOST_MB:
        trial.kept(f"picture-{task.name}", task.data)


def _set_trap(folder: Path) -> Path:
    """A program in the place of Ghostscript that leaves a mark."""
    programs, marker = folder / "programs", folder / "program-ran"
    programs.mkdir()
    trap = programs / "gs"
    trap.write_text(f"#!/bin/sh\ntouch '{marker}'\nexit 1\n")
    trap.chmod(0o755)
    return marker


def _read_for_ever(pipe: Connection, folder: Path, shown: list[Pixels]) -> None:
    os.environ["PATH"] = f"{folder / 'programs'}:{os.environ['PATH']}"
    # What libraries in C have to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    while True:
        path, base = pipe.recv()
        pipe.send(_reading(path, shown[base] if base >= 0 else None))


def _reading(path: Path, shown: Pixels | None) -> Reading:
    # 5 forgets the highest memory use so far: man 5 proc.
    Path("/proc/self/clear_refs").write_text("5")
    try:
        found = read_rgb(path)
    except ToolkitError as error:
        one_line = len(str(error).splitlines()) == 1
        outcome = Reading("refused" if one_line else "tracebacks", str(error))
    except BaseException:
        outcome = Reading("tracebacks", traceback.format_exc().splitlines()[-1])
    else:
        right = shown is None or _alike(found, shown)
        outcome = Reading("same" if right else "wrong", f"{found.shape}")
    return Reading(outcome.outcome, outcome.words, _peak_mb())


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _alike(found: Pixels, shown: Pixels) -> bool:
    if found.shape != shown.shape or found.dtype != np.uint8:
        return False
    apart = np.abs(found.astype(np.int16) - shown).max(axis=2) > _WRONG_LEVELS
    return bool(apart.mean() <= _WRONG_FRACTION)
