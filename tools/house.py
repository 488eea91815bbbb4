"""Prints how the code is laid out, and which files five jobs walk through.

    python -m tools.house

Entries are files and folders of a folder, package files left out; a file is entered
when one of its functions is called. Running the body of a module or a class is no call:
importing it alone does that.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import click
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("masking", "training", "index")
_PEOPLE, _PHOTOS = 16, 3


def entries() -> dict[str, int]:
    """Entries of each folder of Python files."""
    found = {}
    for top in (*PRODUCT, "benchmarks", "tools", "tests"):
        for folder in sorted({path.parent for path in (ROOT / top).rglob("*.py")}):
            names = [path.name for path in folder.iterdir()]
            shown = [name for name in names if not name.startswith(("__", "."))]
            found[folder.relative_to(ROOT).as_posix()] = len(shown)
    return found


def sizes() -> dict[str, tuple[int, int]]:
    """Python files and their lines, by package."""
    found = {}
    for top in (*PRODUCT, "benchmarks", "tools", "tests"):
        paths = list((ROOT / top).rglob("*.py"))
        lines = sum(len(path.read_text().splitlines()) for path in paths)
        found[top] = (len(paths), lines)
    found["cli.py"] = (1, len((ROOT / "cli.py").read_text().splitlines()))
    return found


@contextmanager
def entered() -> Iterator[set[str]]:
    """Files of the product whose functions are called meanwhile, in all threads."""
    files: set[str] = set()
    known: dict[str, str] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        # Bodies of modules and classes have names looked up, not local variables.
        if event != "call" or not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            return
        name = frame.f_code.co_filename
        if name not in known:
            known[name] = _product_file(name)
        if known[name]:
            files.add(known[name])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _product_file(name: str) -> str:
    path = Path(name)
    if not path.is_absolute() or not path.is_relative_to(ROOT):
        return ""
    below = path.relative_to(ROOT)
    return below.as_posix() if below.parts[0] in (*PRODUCT, "cli.py") else ""


def walks(folder: Path) -> dict[str, list[str]]:
    """Files that each job enters, on people of the embedded sample."""
    from masking.datasets.sample import sample_newcomers

    people, workspace = folder / "people", folder / "workspace"
    photos = _copied_people(people)
    one = folder / "one" / photos[0].parent.name
    one.mkdir(parents=True)
    shutil.copy(photos[0], one)
    newcomer = min(sample_newcomers().glob("*/*.jpg"))
    place = ["--workspace", str(workspace)]
    jobs = {
        "augment 1 photo": ["augment", str(one.parent), "--workers", "1"],
        "train 48 chips": ["train", "--epochs", "1", "--workers", "1"],
        "enroll 1 photo": ["enroll", "Somebody", str(newcomer)],
        "identify 1 photo": ["identify", str(photos[-2])],
        "evaluate 48 photos": ["evaluate", str(people), "--workers", "1"],
    }
    walked = {}
    for job, words in jobs.items():
        if job.startswith("train"):
            _run(["augment", str(people), "--workers", "1", *place])
        with entered() as files:
            _run([*words, *place])
        walked[job] = sorted(files)
    return walked


def _copied_people(folder: Path) -> list[Path]:
    sample = ROOT / "masking" / "sample" / "people"
    photos = []
    for person in sorted(sample.iterdir())[:_PEOPLE]:
        (folder / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:_PHOTOS]:
            photos.append(Path(shutil.copy(photo, folder / person.name)))
    return photos


def _run(words: list[str]) -> None:
    from cli import main as command_line

    done = CliRunner().invoke(command_line, words)
    # 3: unknown is an answer, too.
    if done.exit_code not in (0, 3):
        raise click.ClickException(f"{' '.join(words)}: {done.output}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--walks/--no-walks", "with_walks", default=True, help="Run the jobs.")
@click.option("--files", is_flag=True, help="Name the files that each job enters.")
def main(as_json: bool, with_walks: bool, files: bool) -> None:
    """Print entries of folders, sizes of packages and files entered by five jobs."""
    walked: dict[str, list[str]] = {}
    if with_walks:
        with TemporaryDirectory() as folder:
            walked = walks(Path(folder))
    found: dict[str, Callable[[], Any]] = {"entries": entries, "sizes": sizes}
    figures = {name: measure() for name, measure in found.items()} | {"walks": walked}
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, count in figures["entries"].items():
        click.echo(f"{name:<40} {count:>3} entries")
    for name, (count, lines) in figures["sizes"].items():
        click.echo(f"{name:<40} {count:>3} files {lines:>6} lines")
    for name, entered_files in walked.items():
        click.echo(f"{name:<40} {len(entered_files):>3} files entered")
        for path in entered_files if files else ():
            click.echo(f"    {path}")


if __name__ == "__main__":
    main()
