"""Small collections of synthetic people, and workspaces made of them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.faults.processes.children import Done, Moment, run
from masking.datasets.sample import sample_newcomers, sample_people

ONE = ("--workers", "1")
SHIPPED = ("--model", "shipped")
# Small enough for seconds.
BATCH = ("--batch-size", "4", "--epochs", "2", "--device", "cpu", *ONE)
TRAINED = ("--samples-per-person", "2", *BATCH)
# Times, and how often something was done before, differ from run to run.
_VARYING = (
    "seconds",
    "exact_ms",
    "annoy_ms",
    "reused",
    "deleted",
    "resumed_at",
    "created",
)


def copy_people(folder: Path, people: int, photos: int) -> Path:
    """A folder per person with the first photos of the embedded sample's people."""
    for person in sorted(sample_people().iterdir())[:people]:
        (folder / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:photos]:
            shutil.copy(photo, folder / person.name / photo.name)
    return folder


def newcomer_photos(number: int = 0) -> list[Path]:
    """Photographs of a person who is in no workspace."""
    return sorted(sorted(sample_newcomers().iterdir())[number].iterdir())


def succeed(arguments: Sequence[str | Path], scratch: Path) -> Done:
    """Run a command on whole files.

    Raises:
        RuntimeError: it failed, so nothing can be said about damage.
    """
    done = run(arguments, scratch)
    if done.code not in (0, 3):
        raise RuntimeError(f"{' '.join(done.arguments)}: {done.code} {done.errors}")
    return done


def started_training(workspace: Path, scratch: Path, options: Sequence[str]) -> None:
    """Leave the state of a training that was killed after an epoch."""
    state = workspace / "models" / "training.pt"
    command: list[str | Path] = ["train", "--workspace", workspace, *options]
    if not run(command, scratch, Moment(until=state.is_file)).killed:
        raise RuntimeError("the training had ended before it could be killed")


def answer(done: Done, extra: Iterable[Path] = (), roots: Sequence[Path] = ()) -> str:
    """What a command said and made, without what differs between equal runs.

    Args:
        extra: files and folders that it made.
        roots: folders whose names are left out of the answer.
    """
    text = f"{done.code}\n{_without_times(done.output)}\n"
    for root in roots:
        text = text.replace(str(root), "ROOT")
    return text + "\n".join(hashes(extra))


def hashes(paths: Iterable[Path]) -> list[str]:
    """Name and SHA-256 of every file, reports without what varies."""
    lines = []
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                data = file.read_bytes()
                if file.suffix == ".json":
                    data = _without_times(data.decode(errors="replace")).encode()
                name = file.relative_to(path.parent)
                lines.append(f"{name} {hashlib.sha256(data).hexdigest()[:16]}")
    return lines


def _without_times(text: str) -> str:
    for name in _VARYING:
        text = re.sub(rf'"{name}": [^,}}\n]+', f'"{name}": ?', text)
    # torch, where the exported network is missing, rounds otherwise.
    return re.sub(r"(\.\d{3})\d+", r"\1", text)


def shapes(folder: Path) -> set[str]:
    """Names of all files below, with what varies between runs taken out."""
    varying = r"\d{8}T\d+Z|\d{9,}[-\w]*|[0-9a-f]{12,}"
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {re.sub(varying, "#", name) for name in names}


def names_of(workspace: Path, scratch: Path) -> dict[str, int]:
    """Everybody of a gallery with the number of their photos; nobody without one."""
    if not (workspace / "gallery" / "gallery.sqlite").exists():
        return {}
    done = succeed(["gallery", "list", "--json", "--workspace", workspace], scratch)
    return {row["name"]: row["photo_count"] for row in json.loads(done.output)}
