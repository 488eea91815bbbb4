"""Attacks the toolkit: damaged files, killed commands, full disks; and erasure.

    python -m benchmarks.faults
    python -m benchmarks.faults --files 20 --kills 10 --disks 10

All is made of the embedded sample in a temporary folder. Each line is a fault: a
person who was lost, a trace of somebody erased, or an end of a command that is neither
a result nor one line with exit code 2. None is the goal. POSIX only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.faults.damage import damage_a_file
from benchmarks.faults.erasure import erase_somebody
from benchmarks.faults.interruptions import fill_the_disk, kill_a_command
from benchmarks.faults.workspaces import Workspaces


@click.command()
@click.option("--files", default=400, show_default=True, help="To damage.")
@click.option("--kills", default=200, show_default=True, help="Of commands.")
@click.option("--disks", default=100, show_default=True, help="To fill.")
@click.option("--erasure/--no-erasure", default=True, help="Look for the removed.")
@click.option("--seed", default=0, show_default=True, help="Draws everything.")
def main(files: int, kills: int, disks: int, erasure: bool, seed: int) -> None:
    """Attack the toolkit; print each fault, and how many trials found one."""
    trials = {
        "damaged file": (damage_a_file, files),
        "killed command": (kill_a_command, kills),
        "full disk": (fill_the_disk, disks),
        "erasure": (erase_somebody, int(erasure)),
    }
    with tempfile.TemporaryDirectory() as folder:
        workspaces = Workspaces(Path(folder))
        for name, (trial, count) in trials.items():
            harmful = 0
            for number in range(count):
                rng = np.random.default_rng([seed, number])
                faults = list(_told(trial(workspaces, rng), f"{name} {number}"))
                harmful += bool(faults)
            click.echo(f"{name}: {harmful} of {count} trials found a fault")


def _told(faults: Iterator[str], what: str) -> Iterator[str]:
    for fault in faults:
        # At once: a trial takes seconds.
        click.echo(f"{what}: {fault}")
        yield fault


if __name__ == "__main__":
    main()
