"""Runs the commands of docs/background/results.md and writes their figures into it.

Keeps what they print in build/results.json, with date, machine and commit, after each
command: what fails stops none of the others. Takes hours; `--only` runs the commands
with a word, `--small`, on a folder with a few people (but all of LFW for face_finding),
tries every command in minutes and changes no page.

    python -m tools.release.measure_results --data data
    python -m tools.release.measure_results --data data --only peopleDevTest --only mfr2
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from benchmarks.regress import machine_kind
from masking.files.writing import write_bytes
from tools.release.result_figures import TAKEN
from tools.release.results_page import commit_now, read_tables, take, write_page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "background" / "results.md"
KEPT = ROOT / "build" / "results.json"
# In the place of what the page gives, to try a command.
_SMALL = {
    "--count": "8",
    "--variants": "1",
    "--sizes": "3",
    "--people": "1000",
    "--batches": "4",
}
_SMALL_BESIDE = {
    "benchmarks.recognition.open_set": ["--people", "4", "--galleries", "1"],
    "benchmarks.speed.identify_speed": ["--people", "2", "--runs", "1"],
    "benchmarks.speed.training_speed": ["--people", "6", "--batch", "4"],
}


def commands_of(page: str) -> list[list[str]]:
    """Words of the commands in a page's blocks of code, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def with_data(words: Sequence[str], data: Path) -> list[str]:
    """A command with another folder in the place of `data`."""
    return [re.sub(r"^data(?=/|$)", str(data), word) for word in words]


def smaller(words: Sequence[str]) -> list[str]:
    """A command that does as little as it can, to see that it runs."""
    found = list(words)
    for place, (option, value) in enumerate(pairwise(words), 1):
        # A list of people is a file, no number.
        if option in _SMALL and value[:1].isdigit():
            found[place] = _SMALL[option]
    for module, more in _SMALL_BESIDE.items():
        found += more if module in words else []
    return found


def run(words: Sequence[str]) -> dict[str, Any]:
    """What a command printed, how long it took, and its exit code."""
    # In front of a command stand variables of the environment.
    named = [word for word in words if re.match(r"[A-Z_]+=", word)]
    program = [sys.executable, *words[len(named) + 1 :]]
    begun = time.monotonic()
    ran = subprocess.run(
        ["env", *named, *program], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "command": shlex.join(words),
        "seconds": round(time.monotonic() - begun, 1),
        "exit": ran.returncode,
        "output": ran.stdout,
        "messages": ran.stderr[-2000:] if ran.returncode else "",
    }


def measured(commands: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
    """The record after each command."""
    record: dict[str, Any] = {
        "measured": date.today().isoformat(),
        "machine": machine_kind(),
        "commit": commit_now(),
        "commands": [],
    }
    for words in commands:
        record["commands"].append(run([*words, "--json"]))
        yield record


def put_in_tables(command: str, output: str) -> list[str]:
    """Put what a command printed into the page; gives the names of its tables."""
    tables = read_tables()
    of_it = [name for name, table in tables.items() if command in table.command]
    taken = [name for name in of_it if name in TAKEN]
    for name in taken:
        take(tables, name, json.loads(output))
    if taken:
        write_page(tables)
    return taken


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--only", multiple=True, help="Commands with this word, or any of these.")
@click.option("--small", is_flag=True, help="Only try every command.")
@click.option("--out", type=click.Path(path_type=Path), default=KEPT)
def main(data: Path, only: tuple[str, ...], small: bool, out: Path) -> None:
    """Run every command on the photos in DATA."""
    commands = [
        words
        for words in commands_of(PAGE.read_text())
        if not only or any(one in shlex.join(words) for one in only)
    ]
    ran = [with_data(words, data) for words in commands]
    if small:
        ran = [smaller(words) for words in ran]
    failed = []
    for words, record in zip(commands, measured(ran), strict=True):
        write_bytes(out, f"{json.dumps(record, indent=1)}\n".encode())
        last = record["commands"][-1]
        click.echo(f"{last['seconds']:8.1f} s, exit {last['exit']}: {last['command']}")
        if last["exit"]:
            failed.append(last["command"])
        elif not small:
            put = put_in_tables(shlex.join(words), last["output"])
            click.echo(f"           tables: {', '.join(put) or 'none'}")
    if failed:
        raise click.ClickException(f"{out} says why these failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
