"""Kills processes that enroll and rebuild, and lets several use one gallery at once.

No person whose enrolment was acknowledged may be lost, no search may answer wrongly,
and the gallery must verify as sound afterwards. `benchmarks.faults.faults` runs it.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search.open_search import build_snapshot, open_search
from index.search.verify import verify_gallery
from masking.faces.aligned_faces import AlignedFace
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace
from training.metrics.score_normalization import Cohort

_DIMENSION = 32
_CHIP = np.zeros((8, 8, 3), dtype=np.uint8)
# How long a process works before it is killed, seconds: start, middle, end of a write.
_SHORTEST_S, _LONGEST_S = 0.0, 0.08
_REMOVED_FRACTION = 0.1
# Enrolled before all others, never removed.
_FIRST = "First"


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
        rebuilds: of search files meanwhile.
        problems: that `verify` found.
        errors: of processes that worked at once.
    """

    kills: int
    acknowledged: int
    lost: int
    undead: int
    searches: int
    wrong: int
    rebuilds: int
    problems: list[str]
    errors: list[str]


def _photo(person: str, vector: Float32) -> tuple[str, EmbeddedFace]:
    return person, EmbeddedFace(AlignedFace("drawn", "s", crops=(_CHIP,)), vector)


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
            photo = _photo(person, vector_of(person))
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


@dataclass
class Work:
    """What a process did while others worked.

    Attributes:
        error: that ended it early; "" for none.
    """

    added: list[str] = field(default_factory=list)
    searches: int = 0
    wrong: int = 0
    rebuilds: int = 0
    error: str = ""


def change_until(folder: Path, name: str, end: float, work: Work) -> None:
    """Enroll, remove and identify own people until a time; `name` is the engine."""
    number = 0
    removed_ids: set[int] = set()
    with open_gallery(folder) as gallery:
        search = None
        while time.time() < end:
            number += 1
            person = f"{name}-{number}"
            vector = vector_of(person)
            gallery.add([_photo(person, vector)])
            work.added.append(person)
            search = search or open_search(gallery, name)
            best = search.nearest(vector, 1)[0]
            found = gallery.names([best.person_id]).get(best.person_id)
            work.searches += 1
            work.wrong += found != person or best.distance > 0
            if number % 20 == 0:
                removed_ids.add(best.person_id)
                erase_people(gallery.store, [work.added.pop()])
                later = search.nearest(vector, 3)
                work.wrong += any(n.person_id in removed_ids for n in later)


def ask_until(folder: Path, name: str, end: float, work: Work) -> None:
    """Identify somebody who is never removed; open everything again each time."""
    vector = vector_of(_FIRST)
    while time.time() < end:
        with open_gallery(folder) as gallery:
            best = open_search(gallery, name).nearest(vector, 1)[0]
            found = gallery.names([best.person_id]).get(best.person_id)
        work.searches += 1
        work.wrong += found != _FIRST or best.distance > 0


def rebuild_until(folder: Path, name: str, end: float, work: Work) -> None:
    """Write search files again and again."""
    with open_gallery(folder) as gallery:
        while time.time() < end:
            build_snapshot(gallery)
            work.rebuilds += 1


_WORKERS = (
    (change_until, "exact"),
    (change_until, "annoy"),
    (ask_until, "exact"),
    (rebuild_until, ""),
)


def work_at_once(folder: Path, seconds: float) -> list[Work]:
    """Four processes at one gallery: what each did."""
    end = time.time() + seconds
    jobs = []
    for job, engine in _WORKERS:
        told, tell = multiprocessing.Pipe(duplex=False)
        jobs.append((told, _started(_reported, job, folder, engine, end, tell)))
        tell.close()
    results = []
    for told, process in jobs:
        try:
            results.append(told.recv())
        except EOFError:
            results.append(Work(error="a process died"))
        process.join()
    return results


def _reported(
    job: Callable[..., None], folder: Path, name: str, end: float, told: Connection
) -> None:
    work = Work()
    try:
        job(folder, name, end, work)
    except Exception as error:
        work.error = f"{job.__name__}: {type(error).__name__}: {error}"
    told.send(work)


def measure(folder: Path, kills: int, seconds: float, seed: int = 0) -> FaultFigures:
    """Both trials, one after the other, on one gallery."""
    with open_or_create_gallery(folder, NoEmbedder()) as gallery:
        gallery.add([_photo(_FIRST, vector_of(_FIRST))])
    acknowledged, lost, undead = kill_often(folder, kills, seed)
    works = work_at_once(folder, seconds)
    added = {name for work in works for name in work.added}
    with open_gallery(folder) as gallery:
        present = {person.name for person in gallery.people()}
    return FaultFigures(
        kills=kills,
        acknowledged=acknowledged + len(added),
        lost=lost + len(added - present),
        undead=undead,
        searches=sum(work.searches for work in works),
        wrong=sum(work.wrong for work in works),
        rebuilds=sum(work.rebuilds for work in works),
        problems=list(verify_gallery(folder, queries=10).problems),
        errors=[work.error for work in works if work.error],
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
