"""Workspaces of a few synthetic people, and commands that run in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from masking.datasets.sample import sample_newcomers, sample_people

ONE = ("--workers", "1")
SHIPPED = ("--model", "shipped")
TRAINED = (
    *("--samples-per-person", "2", "--batch-size", "4", "--epochs", "2"),
    *("--device", "cpu", *ONE),
)
_ROOT = Path(__file__).resolve().parents[2]
# A command on a few photographs takes seconds; the machine may be busy.
_LIMIT_S = 600.0
# Ends of a result: done, unknown, no face.
RESULTS = (0, 3, 4)


@dataclass(frozen=True)
class Done:
    """How a command ended: minus the signal for one that a signal ended."""

    code: int
    output: str
    errors: str

    @property
    def flaw(self) -> str:
        """What no user should see; "" for a result or one clear line with code 2."""
        lines = [line for line in self.errors.splitlines() if line.startswith("error:")]
        # `augment` says "not read" of each photograph, `identify` in its answer.
        told = self.code == 2 and (self.errors or self.output) and len(lines) <= 1
        clear = self.code in RESULTS or told
        if clear and "Traceback" not in self.errors:
            return ""
        return f"exit {self.code}: {(self.errors.splitlines() or ['no word'])[-1]}"


def run(
    *words: str | Path, code: str = "", prepare: Callable[[], None] | None = None
) -> Done:
    """Run a command of the toolkit in a process of its own.

    Args:
        code: Python to run first in that process.
        prepare: called in that process before Python starts.
    """
    program = f"{code}\nimport cli\ncli.main()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, words)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            preexec_fn=prepare,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return Done(-1, "", f"not done after {_LIMIT_S:g} s")
    return Done(done.returncode, done.stdout, done.stderr)


def succeed(*words: str | Path) -> Done:
    """Run a command on whole files.

    Raises:
        RuntimeError: it failed, so nothing can be said about damage.
    """
    done = run(*words)
    if done.code not in RESULTS:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.errors}")
    return done


class Workspaces:
    """Makes each state of a workspace once; all live, in turn, at one place.

    Attributes:
        place: so that recorded paths stay true.
    """

    def __init__(self, folder: Path):
        self.place, self._kept = folder / "workspace", folder / "kept"

    def restore(self, state: str) -> Path:
        """The workspace as "inputs", or after "enroll", "augment" or "train"."""
        kept = self._kept / state
        if not kept.exists():
            self._make(state)
            shutil.copytree(self.place, kept)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(kept, self.place)
        return self.place

    def _make(self, state: str) -> None:
        if state == "inputs":
            copy_people(self.place / "people", 4, 2)
            shutil.copy(newcomer_photos()[3], self.place / "probe.jpg")
            return
        home = self.restore("augment" if state == "train" else "inputs")
        for words in _MADE_BY[state]:
            succeed(*(in_workspace(word, home) for word in words))


def in_workspace(word: str, workspace: Path) -> str:
    """A word of a command with the workspace in the place of a leading W."""
    return re.sub(r"^W(?=/|$)", str(workspace), word)


_AT = ("--workspace", "W")
_MADE_BY: dict[str, list[tuple[str, ...]]] = {
    "enroll": [
        ("enroll", "--folder", "W/people", *SHIPPED, *ONE, *_AT),
        ("identify", "W/probe.jpg", *_AT),
        ("gallery", "backup", *_AT),
    ],
    "augment": [("augment", "W/people", "--variants", "1", *ONE, *_AT)],
    "train": [("train", *TRAINED, *_AT)],
}


def copy_people(folder: Path, people: int, photos: int) -> Path:
    """A folder per person with the first photos of the embedded sample's people."""
    for person in sorted(sample_people().iterdir())[:people]:
        (folder / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:photos]:
            shutil.copy(photo, folder / person.name / photo.name)
    return folder


def newcomer_photos() -> list[Path]:
    """Photographs of a person who is in no workspace."""
    return sorted(min(sample_newcomers().iterdir()).iterdir())


def names_in(workspace: Path) -> set[str]:
    """Everybody of a gallery; nobody without one.

    Raises:
        RuntimeError: the gallery cannot be read.
    """
    if not (workspace / "gallery" / "gallery.sqlite").exists():
        return set()
    done = succeed("gallery", "list", "--json", "--workspace", workspace)
    return {row["name"] for row in json.loads(done.output)}


def file_names(folder: Path) -> set[str]:
    """Names of all files below, without times and hashes, which vary between runs."""
    varying = r"\d{8}T\d+Z|\d{9,}[-\w]*|[0-9a-f]{12,}"
    names: Sequence[str] = [str(p.relative_to(folder)) for p in folder.rglob("*")]
    return {re.sub(varying, "#", name) for name in names}
