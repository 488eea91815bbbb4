"""Commands that are killed or run out of disk while they write, then run again."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.faults.workspaces import (
    ONE,
    RESULTS,
    SHIPPED,
    TRAINED,
    Done,
    Workspaces,
    file_names,
    in_workspace,
    names_in,
    newcomer_photos,
    run,
)

_NEW, _GONE = "Newcomer", "Person_02"


@dataclass(frozen=True)
class Job:
    """A command and the state of a workspace that it begins with."""

    state: str
    command: tuple[str, ...]


_PHOTOS = tuple(str(photo) for photo in newcomer_photos()[:2])
_JOBS = (
    Job("enroll", ("enroll", _NEW, *_PHOTOS, *SHIPPED)),
    Job("enroll", ("gallery", "remove", _GONE, "--yes")),
    Job("enroll", ("gallery", "rebuild", *SHIPPED)),
    Job("enroll", ("gallery", "backup")),
    Job("inputs", ("augment", "W/people", "--variants", "1", *ONE)),
    Job("augment", ("train", *TRAINED)),
)


@dataclass(frozen=True)
class Whole:
    """How a job ends that nobody disturbs.

    Attributes:
        events: as `_COUNTED` counts them.
        files: their names in the workspace.
        grown: bytes by which the workspace grew.
    """

    events: int
    people: set[str]
    files: set[str]
    grown: int


# Runs in the command: counts files that are opened to be written, renamed or deleted
# and statements of SQL, writes how many, and is killed just before one of them.
_COUNTED = """
import atexit, os, signal, sqlite3, sys
count, fatal, told = 0, {fatal}, {told!r}
def happened(*_):
    global count
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
def hook(event, arguments):
    flags = arguments[2] if event == "open" else 0
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
        happened()
connect = sqlite3.connect
def traced(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.set_trace_callback(happened)
    return connection
sqlite3.connect = traced
sys.addaudithook(hook)
def tell():
    with open(told, "w") as file:
        file.write(str(count))
atexit.register(tell)
"""


def kill_a_command(workspaces: Workspaces, rng: np.random.Generator) -> Iterator[str]:
    """Kill a command just before it writes something, and run it again."""
    job = _JOBS[rng.integers(len(_JOBS))]
    whole = _whole(workspaces, job)
    event = int(rng.integers(1, whole.events + 1))
    home = workspaces.restore(job.state)
    before = names_in(home)
    first = run(*_words(job, home), code=_counted(home, event))
    yield from _checked(job, home, before, whole, first, f"killed at event {event}")


def fill_the_disk(workspaces: Workspaces, rng: np.random.Generator) -> Iterator[str]:
    """Let no file grow beyond a size, and run the command again without that."""
    job = _JOBS[rng.integers(len(_JOBS))]
    whole = _whole(workspaces, job)
    home = workspaces.restore(job.state)
    before = names_in(home)
    sizes = [path.stat().st_size for path in home.glob("gallery/*.sqlite")]
    # Small fractions are the first writes, of which there are many.
    room = max(sizes, default=0) + int(whole.grown * rng.random() ** 2)
    first = run(*_words(job, home), prepare=_limited_to(room))
    if first.flaw:
        yield f"{job.command[0]}, files to {room} bytes: {first.flaw}"
    yield from _checked(job, home, before, whole, first, f"files to {room} bytes")


def _limited_to(size: int) -> Callable[[], None]:
    def prepare() -> None:
        # The signal would kill; without it, writing fails.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


def _words(job: Job, home: Path) -> list[str]:
    words = [in_workspace(word, home) for word in job.command]
    return [*words, "--workspace", str(home)]


def _counted(home: Path, fatal: int) -> str:
    return _COUNTED.format(fatal=fatal, told=str(home.parent / "events"))


def _whole(workspaces: Workspaces, job: Job) -> Whole:
    home = workspaces.restore(job.state)
    before = _size(home)
    done = run(*_words(job, home), code=_counted(home, 0))
    if done.code not in RESULTS:
        raise RuntimeError(f"{job.command}: {done.errors}")
    events = int((home.parent / "events").read_text())
    return Whole(events, names_in(home), file_names(home), max(1, _size(home) - before))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _checked(
    job: Job, home: Path, before: set[str], whole: Whole, first: Done, what: str
) -> Iterator[str]:
    """What was acknowledged holds; run again, all is as if nothing had happened."""
    what = f"{' '.join(job.command[:2])}, {what}"
    now = names_in(home)
    removes, enrolls = "remove" in job.command, _NEW in job.command
    for name in before - now - {_GONE if removes else ""}:
        yield f"{what}: {name} is lost"
    if enrolls and "photos added" in first.output and _NEW not in now:
        yield f"{what}: the enrolment was acknowledged"
    if removes and "erased" in first.output and _GONE in now:
        yield f"{what}: the removal was acknowledged"
    again = run(*_words(job, home))
    removed_before = removes and again.code == 2
    if again.flaw or (again.code not in RESULTS and not removed_before):
        yield f"{what}, run again: exit {again.code} {again.errors}"
    if names_in(home) != whole.people:
        yield f"{what}, run again: the gallery holds other people"
    for name in sorted(file_names(home) - whole.files):
        yield f"{what}, run again: {name} is left over"
    if job.state == "enroll":
        verified = run("gallery", "verify", "--workspace", home)
        if verified.code:
            yield f"{what}, run again: verify: {verified.output}{verified.errors}"
