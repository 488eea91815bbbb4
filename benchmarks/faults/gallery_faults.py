"""Kills processes that enroll and rebuild, and lets several use one gallery at once.

No person whose enrolment was acknowledged may be lost, no search may answer wrongly,
and the gallery must verify as sound afterwards:

    python -m benchmarks.faults.gallery_faults --kills 200 --seconds 30
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import click
import numpy as np

from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.gallery.storage.rows import NewPhoto
from index.search.open_search import open_search
from index.search.snapshots import build_snapshot
from index.search.verify import verify_gallery
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.metrics.score_normalization import Cohort

_DIMENSION = 32
_CHIP = np.zeros((8, 8, 3), dtype=np.uint8)
# How long a process works before it is killed, seconds: start, middle, end of a write.
_SHORTEST_S, _LONGEST_S = 0.0, 0.08
_REMOVED_FRACTION = 0.1


class NoEmbedder:
    """Stands for an embedder: vectors are drawn."""

    fingerprint = "f" * 64
    name = "drawn"
    dimension = _DIMENSION
    metric = "euclidean"
    cohort: Cohort | None = None
    geometry = ChipGeometry(size_px=8)

    def embed(self, chips: Image) -> Float32:
        """Not used."""
        raise NotImplementedError


@dataclass(frozen=True)
class FaultFigures:
    """What happened.

    Attributes:
        kills: processes killed with SIGKILL while they wrote.
        acknowledged: people whose enrolment had returned before.
        lost: of those, not in the gallery afterwards.
        undead: people in the gallery whose removal had returned.
        searches: for people just enrolled by this or another process.
        wrong: searches that did not find that person first, at distance 0, or that
            found somebody whose removal had returned before.
        seconds: for which processes worked at once.
        problems: that `verify` found.
    """

    kills: int
    acknowledged: int
    lost: int
    undead: int
    searches: int
    wrong: int
    seconds: float
    problems: int


def vector_of(name: str) -> Float32:
    """The embedding of a drawn person, far from all others."""
    seed = [*name.encode()]
    return np.random.default_rng(seed).standard_normal(_DIMENSION).astype(np.float32)


def enroll_for_ever(folder: Path, name: str, told: Connection) -> None:
    """Enroll, remove and rebuild until killed; tell what has been done."""
    rng = random.Random(name)
    with open_gallery(folder) as gallery:
        told.send(("ready", ""))
        for number in range(1_000_000):
            person = f"{name}-{number}"
            photo = NewPhoto(person, "s", "drawn", _CHIP, vector_of(person))
            gallery.add([photo])
            told.send(("added", person))
            if rng.random() < _REMOVED_FRACTION:
                told.send(("removing", person))
                erase_people(gallery.store, [person])
                told.send(("removed", person))
            if number % 3 == 2:
                build_snapshot(gallery)


def kill_often(folder: Path, kills: int, seed: int) -> tuple[int, int, int]:
    """Start and kill writers.

    Returns:
        How many enrolments were acknowledged, how many of these people are lost, and
        how many are there although their removal was acknowledged.
    """
    rng = random.Random(seed)
    acknowledged: set[str] = set()
    removed: set[str] = set()
    for number in range(kills):
        told, tell = multiprocessing.Pipe(duplex=False)
        writer = _started(enroll_for_ever, folder, f"kill{seed}-{number}", tell)
        tell.close()
        told.recv()
        time.sleep(rng.uniform(_SHORTEST_S, _LONGEST_S))
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        for what, person in _received(told):
            # A removal that was interrupted may have happened or not.
            change = {"added": acknowledged.add, "removing": acknowledged.discard}
            change.get(what, removed.add)(person)
    with open_gallery(folder) as gallery:
        present = {person.name for person in gallery.people()}
    return len(acknowledged), len(acknowledged - present), len(removed & present)


def work_until(
    folder: Path, name: str, told: Connection, engine: str, end: float
) -> None:
    """Enroll, remove and identify own people until a time; tell what was found."""
    searches = wrong = number = 0
    added: list[str] = []
    removed_ids: set[int] = set()
    with open_gallery(folder) as gallery:
        search = None
        while time.time() < end:
            number += 1
            person = f"{name}-{number}"
            vector = vector_of(person)
            gallery.add([NewPhoto(person, "s", "drawn", _CHIP, vector)])
            added.append(person)
            search = search or open_search(gallery, engine)
            best = search.nearest(vector, 1)[0]
            found = gallery.names([best.person_id]).get(best.person_id)
            searches += 1
            wrong += found != person or best.distance > 0
            if number % 20 == 0:
                removed_ids.add(best.person_id)
                erase_people(gallery.store, [added.pop()])
                later = search.nearest(vector, 3)
                wrong += any(n.person_id in removed_ids for n in later)
    told.send((added, searches, wrong))


def work_at_once(folder: Path, seconds: float) -> tuple[list[str], int, int]:
    """Two processes at one gallery: people added, searches made, wrong ones."""
    end = time.time() + seconds
    jobs = []
    for engine in ("exact", "annoy"):
        told, tell = multiprocessing.Pipe(duplex=False)
        jobs.append((told, _started(work_until, folder, engine, tell, engine, end)))
    results = [told.recv() for told, _ in jobs]
    for _, process in jobs:
        process.join()
    added = [name for names, _, _ in results for name in names]
    return added, sum(r[1] for r in results), sum(r[2] for r in results)


def measure(folder: Path, kills: int, seconds: float, seed: int = 0) -> FaultFigures:
    """Both trials, one after the other, on one gallery."""
    with open_or_create_gallery(folder, NoEmbedder()) as gallery:
        first = NewPhoto("First", "s", "drawn", _CHIP, vector_of("First"))
        gallery.add([first])
    acknowledged, lost, undead = kill_often(folder, kills, seed)
    added, searches, wrong = work_at_once(folder, seconds)
    with open_gallery(folder) as gallery:
        present = {person.name for person in gallery.people()}
    lost += len(set(added) - present)
    problems = verify_gallery(folder, queries=10).problems
    return FaultFigures(
        kills=kills,
        acknowledged=acknowledged + len(added),
        lost=lost,
        undead=undead,
        searches=searches,
        wrong=wrong,
        seconds=seconds,
        problems=len(problems),
    )


def _started(
    work: Callable[..., None], *arguments: object
) -> multiprocessing.process.BaseProcess:
    # Forked: a process that imports everything again lives longer than it works.
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def _received(told: Connection) -> list[tuple[str, str]]:
    """All that a killed process had told."""
    messages = []
    try:
        while True:
            messages.append(told.recv())
    except EOFError:
        return messages


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--seconds", default=30.0, show_default=True, help="Of working at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(kills: int, seconds: float, as_json: bool) -> None:
    """Kill KILLS writers, then let two processes work for SECONDS."""
    with tempfile.TemporaryDirectory() as folder:
        figures = asdict(measure(Path(folder) / "gallery", kills, seconds))
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        click.echo(f"{name:<14} {value:>8}")


if __name__ == "__main__":
    main()
