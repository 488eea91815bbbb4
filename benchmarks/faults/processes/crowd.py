"""Four processes use one gallery of drawn people at once, for a while.

Nobody whose enrolment has returned may be lost, no search may answer wrongly, and the
gallery must verify as sound afterwards.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks.faults.tally import Tally, Trial
from benchmarks.speed.enroll_speed import DrawnEmbedder, drawn_photo
from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search.open_search import build_snapshot, open_search
from index.search.verify import verify_gallery
from masking.landmarks import Float32

# Enrolled before all others, never removed.
_FIRST = "First"


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


def vector_of(name: str) -> Float32:
    """The embedding of a drawn person, far from all others."""
    rng = np.random.default_rng([*name.encode()])
    return rng.standard_normal(DrawnEmbedder.dimension).astype(np.float32)


def _change_until(folder: Path, name: str, end: float, work: Work) -> None:
    """Enroll, remove and identify own people until a time; `name` is the engine."""
    number = 0
    removed_ids: set[int] = set()
    with open_gallery(folder) as gallery:
        search = None
        while time.time() < end:
            number += 1
            person = f"{name}-{number}"
            vector = vector_of(person)
            gallery.add([drawn_photo(person, vector)])
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


def _ask_until(folder: Path, name: str, end: float, work: Work) -> None:
    """Identify somebody who is never removed; open everything again each time."""
    vector = vector_of(_FIRST)
    while time.time() < end:
        with open_gallery(folder) as gallery:
            best = open_search(gallery, name).nearest(vector, 1)[0]
            found = gallery.names([best.person_id]).get(best.person_id)
        work.searches += 1
        work.wrong += found != _FIRST or best.distance > 0


def _rebuild_until(folder: Path, name: str, end: float, work: Work) -> None:
    """Write search files again and again."""
    with open_gallery(folder) as gallery:
        while time.time() < end:
            build_snapshot(gallery)
            work.rebuilds += 1


_Job = Callable[[Path, str, float, Work], None]
_WORKERS: tuple[tuple[_Job, str], ...] = (
    (_change_until, "exact"),
    (_change_until, "annoy"),
    (_ask_until, "exact"),
    (_rebuild_until, ""),
)


def work_at_once(folder: Path, seconds: float) -> list[Work]:
    """Four processes at one gallery: what each did."""
    end = time.time() + seconds
    # Forked: a process that imports everything again lives longer than it works.
    forked = multiprocessing.get_context("fork")
    jobs = []
    for job, engine in _WORKERS:
        told, tell = forked.Pipe(duplex=False)
        work = (job, folder, engine, end, tell)
        process = forked.Process(target=_reported, args=work)
        process.start()
        jobs.append((told, process))
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
    job: _Job, folder: Path, engine: str, end: float, tell: Connection
) -> None:
    """Do a job in its process, and tell what was done."""
    work = Work()
    try:
        job(folder, engine, end, work)
    except Exception as error:
        work.error = f"{job.__name__}: {type(error).__name__}: {error}"
    tell.send(work)


def try_crowd(trial: Trial, seconds: float) -> Tally:
    """What happened to those who worked at once."""
    folder = trial.folder / "gallery"
    with open_or_create_gallery(folder, DrawnEmbedder()) as gallery:
        gallery.add([drawn_photo(_FIRST, vector_of(_FIRST))])
    works = work_at_once(folder, seconds)
    with open_gallery(folder) as gallery:
        present = {person.name for person in gallery.people()}
    tally = Tally("four at once")
    for work in works:
        tally.tried += work.searches + work.rebuilds
        for _ in range(work.wrong):
            tally.fault("wrong", "an answer")
        for name in sorted({*work.added} - present):
            tally.fault("lost", f"a drawn person | {name}")
        if work.error:
            tally.fault("tracebacks", work.error)
    for problem in verify_gallery(folder, queries=10).problems:
        tally.fault("wrong", f"verify: {problem}")
    return tally
