"""Builds search files in a process of its own, so that nobody waits for them.

    python -m index.background_build GALLERY_FOLDER [--trees]

One at a time: whoever comes second leaves at once. It outlives the command that
started it, and if it is killed the next search starts another.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

LOCK_FILE = "building.lock"
LOG_FILE = "building.log"
# Searches go first.
_NICENESS = 10
_ROOT = Path(__file__).resolve().parent.parent
_started: dict[Path, subprocess.Popen[bytes]] = {}
_log = logging.getLogger(__name__)


def start(folder: Path, with_trees: bool) -> None:
    """Have the search files of a gallery built, unless somebody is at it.

    Args:
        with_trees: Annoy's too.
    """
    folder = folder.resolve()
    earlier = _started.get(folder)
    # One that failed would fail again, and again: its reason is in the log.
    if earlier is not None and earlier.poll() != 0:
        return
    try:
        log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        _log.warning("%s: search files cannot be built (%s)", folder, error.strerror)
        return
    try:
        _started[folder] = subprocess.Popen(
            [sys.executable, "-m", "index.background_build", str(folder)]
            + ["--trees"] * with_trees,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def wait(folder: Path) -> int:
    """Wait for the process that `start` started; its exit code, 0 without one."""
    process = _started.pop(folder.resolve(), None)
    return process.wait() if process else 0


def build(folder: Path, with_trees: bool) -> bool:
    """Build search files, unless another process is at it; whether built."""
    with _only_one(folder) as alone:
        if not alone:
            return False
        from index.gallery import open_gallery
        from index.generation_building import build_generation

        with open_gallery(folder) as gallery:
            build_generation(gallery, with_trees)
        return True


@contextmanager
def _only_one(folder: Path) -> Iterator[bool]:
    """False when another process is in this block; a dead one never holds it."""
    path = folder / LOCK_FILE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    # SQLite's locks work on every system and end with their process.
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            yield False
            return
        yield True


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    build(Path(sys.argv[1]), "--trees" in sys.argv[2:])
