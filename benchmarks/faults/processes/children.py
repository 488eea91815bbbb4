"""Runs commands in forked children: killed, starved of memory, measured.

The parent has imported everything, so that a command takes as long as its work.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A command on a few photographs takes seconds; the machine may be busy.
LIMIT_S = 600.0
_POLL_S = 0.002
# Address space of a child, so that a damaged length cannot stop the machine.
_MOST_BYTES = 8 << 30
UNCAUGHT = 99
# What Python itself ends with when the rest of its output cannot be written.
UNFLUSHED = 120


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
        code: its exit code; minus the signal that ended it.
        hung: it was killed because it took longer than the limit.
        peak_mb: memory, with what it shares with its parent.
        file_events: as `Moment` counts them, where one was asked for.
    """

    arguments: tuple[str, ...]
    code: int
    output: str
    errors: str
    seconds: float
    hung: bool
    peak_mb: float
    file_events: int = 0

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL

    @property
    def flaw(self) -> str:
        """ "tracebacks", "crashes" or "hangs" for an end that no user should see."""
        if self.hung:
            return "hangs"
        if self.code < 0:
            return "crashes"
        lines = [line for line in self.errors.splitlines() if line.startswith("error:")]
        said = self.output or "Usage:" in self.errors
        unclear = self.code == 2 and len(lines) != 1 and not (said and not lines)
        odd = self.code in (UNCAUGHT, UNFLUSHED)
        return "tracebacks" if unclear or odd or "Traceback" in self.errors else ""

    @property
    def last_words(self) -> str:
        """The last line of its errors."""
        return (self.errors.strip().splitlines() or ["no word"])[-1][:200]


@dataclass(frozen=True)
class Moment:
    """When a command is killed: what comes first.

    Attributes:
        seconds: after its start.
        file_event: at the n-th file that is opened to be written, renamed or deleted,
            or statement of SQL, from 1 on; just before it happens. 0 only counts.
        until: as soon as this is true, looked at every 2 ms.
    """

    seconds: float | None = None
    file_event: int | None = None
    until: Callable[[], bool] | None = None


def run(
    arguments: Sequence[str | Path],
    scratch: Path,
    kill: Moment | None = None,
    limit_s: float = LIMIT_S,
    prepare: Callable[[], None] | None = None,
) -> Done:
    """Run a command of the toolkit in a child.

    Args:
        scratch: folder for what it prints.
        prepare: called in the child before the command.
    """
    words = tuple(str(word) for word in arguments)
    kill = kill or Moment()
    files = [scratch / name for name in ("output", "errors", "events")]
    for file in files:
        file.write_bytes(b"")
    sys.stdout.flush()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_the_command(words, files, kill, prepare)
    hung = not _ended(child, started, kill, limit_s)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - started
    output, errors, events = (file.read_text(errors="replace") for file in files)
    return Done(
        words,
        os.waitstatus_to_exitcode(status),
        output,
        errors,
        seconds,
        hung,
        usage.ru_maxrss / 1024,
        int(events or 0),
    )


def _ended(child: int, started: float, kill: Moment, limit_s: float) -> bool:
    """Wait for a child's end or bring it about; False when it took too long."""
    planned = kill.seconds is not None
    allowed = kill.seconds if kill.seconds is not None else limit_s
    handle = os.pidfd_open(child)
    try:
        while True:
            left = started + allowed - time.monotonic()
            step = min(left, _POLL_S) if kill.until else left
            if select.select([handle], [], [], max(0.0, step))[0]:
                return True
            if left <= 0 or (kill.until and kill.until()):
                _kill_all(child)
                return planned or left > 0
    finally:
        os.close(handle)


def _kill_all(child: int) -> None:
    """Kill a child with its own children, or alone before it leads a group."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)


def _be_the_command(
    words: Sequence[str],
    files: Sequence[Path],
    kill: Moment,
    prepare: Callable[[], None] | None,
) -> None:
    """Never returns."""
    # With the processes that it starts; the parent's may be of another session.
    os.setsid()
    for number, file in zip((1, 2), files[:2], strict=True):
        handle = os.open(file, os.O_WRONLY | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    count = _count_file_events(kill.file_event)
    code = UNCAUGHT
    try:
        if prepare:
            prepare()
        code = _exit_code(words)
        events = count()
        with suppress(OSError):
            files[2].write_text(str(events))
        sys.stderr.flush()
        sys.stdout.flush()
    except OSError:
        code = UNFLUSHED
    finally:
        os._exit(code)


def _exit_code(words: Sequence[str]) -> int:
    import cli

    try:
        cli.main(list(words))
    except SystemExit as end:
        if isinstance(end.code, int) or end.code is None:
            return end.code or 0
        return 1
    except BaseException:
        traceback.print_exc()
        return UNCAUGHT
    return 0


def _count_file_events(fatal: int | None) -> Callable[[], int]:
    """Count what this process does to files; at the `fatal` one it kills itself."""
    count = 0

    def happened(*_: object) -> None:
        nonlocal count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        flags = arguments[2] if event == "open" else 0
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        if writes or event in _CHANGES:
            happened()

    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(happened)
        return connection

    if fatal is not None:
        sys.addaudithook(hook)
        sqlite3.connect = traced  # type: ignore[assignment]
    return lambda: count


_CHANGES = frozenset(
    {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate"}
)
