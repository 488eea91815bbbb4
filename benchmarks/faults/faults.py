"""Attacks the toolkit: damaged files, kills, crowds and full disks; counts the harm.

    python -m benchmarks.faults.faults
    python -m benchmarks.faults.faults --pictures 400 --files 80 --kills 50 --seconds 10

Thousands of damaged pictures and files of all other kinds are read, each by the command
that reads it; commands are killed and run again; processes use one gallery at once; the
disk is filled; and somebody is removed and looked for in every byte. All is made of
synthetic people, and drawn again by --seed. A mistake that a user can mend may end with
one line and exit code 2. Of all columns but `tried` and `peak MB`, 0 is the goal.
Everything at full size takes about an hour on an idle machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.faults.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("masking", "training", "index", "benchmarks", "cli.py", "setup.cfg")
_COLUMNS = {
    "tried": "tried",
    "lost": "lost",
    "undead": "undead",
    "erased_found": "erased found",
    "tracebacks": "tracebacks",
    "crashes": "crashes",
    "wrong": "wrong",
    "left_over": "left over",
    "hangs": "hangs",
    "oversized": "> 1 GB",
    "peak_mb": "peak MB",
}
# Several processes share the machine's cores.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure(options: list[str]) -> list[Tally]:
    """Run the trials in a copy of the toolkit, whose models may be damaged."""
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "toolkit"
        copy.mkdir()
        for name in _COPIED:
            source, target = ROOT / name, copy / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyc"))
            else:
                shutil.copy(source, target)
        program = [sys.executable, "-m", "benchmarks.faults.all_trials"]
        paths = os.pathsep.join(filter(None, [str(copy), os.environ.get("PYTHONPATH")]))
        trials = subprocess.Popen(
            [*program, *options],
            cwd=copy,
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            text=True,
        )
        with trials:
            for line in trials.stdout or ():
                tallies.append(Tally(**json.loads(line)))
                click.echo(f"{tallies[-1].trial} done", err=True)
    if trials.returncode:
        click.echo("a trial could not be carried out: it is missing", err=True)
    return tallies


def table(tallies: list[Tally]) -> str:
    """Rows of all trials, and below the kinds of fault, the most frequent first.

    Pictures whose files are as valid as before, and show something else, stand apart:
    a BMP, a plain TIFF and the codes of a JPEG have no checksum, so nobody can know.
    """
    rows = [["trial", *_COLUMNS.values()]]
    for tally in tallies:
        values = (getattr(tally, name) for name in _COLUMNS)
        rows.append([tally.trial, *(f"{value:.0f}" for value in values)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    for tally in tallies:
        if tally.unknowable:
            apart = "another picture in a valid file, which nobody can know"
            lines.append(f"{tally.unknowable:>5} {tally.trial}: {apart}")
        lines += [f"{count:>5} {tally.trial}: {kind}" for count, kind in tally.kinds()]
    return "\n".join(lines)


@click.command()
@click.option("--pictures", default=4000, show_default=True, help="To damage.")
@click.option("--files", default=800, show_default=True, help="Of other kinds.")
@click.option("--kills", default=500, show_default=True, help="Of commands.")
@click.option("--seconds", default=60.0, show_default=True, help="Of working at once.")
@click.option("--erasure/--no-erasure", default=True, help="Look for the removed.")
@click.option("--seed", default=0, show_default=True, help="Draws everything.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Folder for the damaged files that did harm.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, every fault in it.")
def main(as_json: bool, keep: Path | None, erasure: bool, **counts: Any) -> None:
    """Attack the toolkit; 0 of anything leaves that trial out."""
    options = [f"--{name}={value}" for name, value in counts.items()]
    options.append("--erasure" if erasure else "--no-erasure")
    if keep:
        options.append(f"--keep={keep.absolute()}")
    tallies = measure(options)
    if as_json:
        click.echo(json.dumps([vars(tally) for tally in tallies], indent=1))
    else:
        click.echo(table(tallies))


if __name__ == "__main__":
    main()
