"""Runs the trials one after the other and prints what each found, a line of JSON.

`benchmarks.faults.faults` starts it in a copy of the toolkit, whose models it damages.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.faults.tally import Tally, Trial

# Full disks are few beside kills: each tries one command at one moment.
_KILLS_PER_DISK = 5


@click.command()
@click.option("--pictures", type=int, required=True)
@click.option("--files", type=int, required=True)
@click.option("--kills", type=int, required=True)
@click.option("--seconds", type=float, required=True)
@click.option("--erasure/--no-erasure", required=True)
@click.option("--seed", type=int, required=True)
@click.option("--keep", type=click.Path(path_type=Path))
def main(
    pictures: int,
    files: int,
    kills: int,
    seconds: float,
    erasure: bool,
    seed: int,
    keep: Path | None,
) -> None:
    """Run the trials; 0 of anything leaves that out."""
    # Of libraries, about damage; they would stand between the lines.
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:

        def trial(name: str) -> Trial:
            folder = Path(home) / name
            folder.mkdir()
            return Trial(folder, Path.cwd(), seed, keep)

        for work in _planned(trial, pictures, files, kills, seconds, erasure):
            for tally in work():
                # At once: a trial takes minutes.
                print(json.dumps(asdict(tally)), flush=True)


def _planned(
    trial: Callable[[str], Trial],
    pictures: int,
    files: int,
    kills: int,
    seconds: float,
    erasure: bool,
) -> list[Callable[[], tuple[Tally, ...]]]:
    """Pictures come first: their readers are children of a process that is small."""
    works = [
        (pictures, lambda: _pictures(trial("pictures"), pictures)),
        (files, lambda: _files(trial("files"), files)),
        (kills, lambda: _kills(trial("kills"), kills)),
        (kills, lambda: _disks(trial("disks"), -(-kills // _KILLS_PER_DISK))),
        (erasure, lambda: _erasure(trial("erasure"))),
        (seconds, lambda: _crowd(trial("crowd"), seconds)),
    ]
    return [work for wanted, work in works if wanted]


# Each imports late: what is imported makes all later children larger.
def _pictures(trial: Trial, count: int) -> tuple[Tally, ...]:
    from benchmarks.faults.pictures.pictures import try_pictures

    return (try_pictures(trial, count),)


def _files(trial: Trial, count: int) -> tuple[Tally, ...]:
    from benchmarks.faults.files.files import try_files
    from benchmarks.faults.processes.imports import import_all

    import_all()
    return (try_files(trial, count),)


def _kills(trial: Trial, count: int) -> tuple[Tally, ...]:
    from benchmarks.faults.processes.imports import import_all
    from benchmarks.faults.processes.kills import try_kills

    import_all()
    return (try_kills(trial, count),)


def _disks(trial: Trial, count: int) -> tuple[Tally, ...]:
    from benchmarks.faults.full_disk import try_full_disks
    from benchmarks.faults.processes.imports import import_all

    import_all()
    return (try_full_disks(trial, count),)


def _erasure(trial: Trial) -> tuple[Tally, ...]:
    from benchmarks.faults.erasure.erasure import try_erasure
    from benchmarks.faults.processes.imports import import_all

    import_all()
    return (try_erasure(trial),)


def _crowd(trial: Trial, seconds: float) -> tuple[Tally, ...]:
    from benchmarks.faults.processes.crowd import try_crowd

    return (try_crowd(trial, seconds),)


if __name__ == "__main__":
    main()
