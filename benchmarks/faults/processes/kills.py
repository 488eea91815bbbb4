"""Kills commands at random moments, then runs each again.

Half are killed by the clock, half just before they open, rename or delete a file or
run a statement of SQL.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.faults.erasure.traces import (
    Traces,
    name_traces,
    stored_values,
    traces_below,
    value_traces,
)
from benchmarks.faults.files.file_states import States
from benchmarks.faults.processes.children import Done, Moment, run
from benchmarks.faults.small_workspace import (
    ONE,
    SHIPPED,
    TRAINED,
    hashes,
    names_of,
    newcomer_photos,
    shapes,
)
from benchmarks.faults.tally import Tally, Trial

_FORCED = ("--force", "--yes")
_NEW, _GONE = "Newcomer", "Person_02"


@dataclass(frozen=True)
class Job:
    """A command that is killed.

    Attributes:
        state: of `file_states` that it begins with.
        command: without --workspace.
        made: files that have to be as if nobody had killed it.
        weight: fraction of all kills.
    """

    name: str
    state: str
    command: tuple[str | Path, ...]
    made: tuple[str, ...] = ()
    weight: float = 1.0

    def words(self, workspace: Path) -> list[str | Path]:
        """The command in a workspace."""
        return [*self.command, "--workspace", workspace]


@dataclass(frozen=True)
class Whole:
    """How a job ends that nobody kills, and who is there before."""

    done: Done
    before: set[str]
    people: dict[str, int]
    made: list[str]
    shapes: set[str]
    traces: Traces


def jobs(workspace: Path) -> list[Job]:
    """What is killed."""
    augment = ("augment", workspace / "people", "--variants", "1", *ONE)
    learnt = ("models/latest", "models/train-report/report.json")
    photos = newcomer_photos()[:2]
    return [
        Job("enroll", "gallery", ("enroll", _NEW, *photos, *SHIPPED), weight=5),
        Job("remove", "gallery", ("gallery", "remove", _GONE, "--yes"), weight=5),
        Job(
            "rebuild", "gallery", ("gallery", "rebuild", "--model", "shipped"), weight=3
        ),
        Job("backup", "gallery", ("gallery", "backup"), weight=2),
        Job("augment", "inputs", augment, ("augmented",), 3),
        Job("train", "augmented", ("train", *TRAINED), learnt, 1),
    ]


def try_kills(trial: Trial, count: int) -> Tally:
    """Kill `count` commands."""
    tally = Tally("kills")
    states = States(trial.folder)
    every = jobs(states.workspace)
    weights = np.array([job.weight for job in every])
    whole: dict[str, Whole] = {}
    for number in tqdm(range(count), "kills", mininterval=5):
        rng = trial.rng("kill", number)
        job = every[rng.choice(len(every), p=weights / weights.sum())]
        if job.name not in whole:
            whole[job.name] = _whole(states, job)
        _try_one(states, job, whole[job.name], (rng, number), tally)
    return tally


def _whole(states: States, job: Job) -> Whole:
    workspace = states.restore(job.state)
    before = set(names_of(workspace, states.scratch))
    removes = job.name == "remove"
    values = stored_values(workspace) if removes else set()
    done = run(job.words(workspace), states.scratch, Moment(file_event=0))
    if done.code:
        raise RuntimeError(f"{job.name}: {done.code} {done.errors}")
    people = names_of(workspace, states.scratch)
    made = hashes(workspace / name for name in job.made)
    traces: Traces = {}
    if removes:
        gone = values - stored_values(workspace)
        traces = name_traces(_GONE) | value_traces(gone)
    return Whole(done, before, people, made, shapes(workspace), traces)


def _try_one(
    states: States,
    job: Job,
    whole: Whole,
    chance: tuple[np.random.Generator, int],
    tally: Tally,
) -> None:
    rng, number = chance
    workspace = states.restore(job.state)
    moment = Moment(seconds=float(rng.random()) * whole.done.seconds)
    place = f"after {moment.seconds:.3f} s"
    if rng.random() < 0.5:
        event = int(rng.integers(1, whole.done.file_events + 1))
        moment, place = Moment(file_event=event), f"at file event {event}"
    words = job.words(workspace)
    first = run(words, states.scratch, moment)
    what = f"{job.name} | {number} killed {place}"
    # One that had ended by then was not killed.
    tally.tried += first.killed
    _check_promises(states, job, first, whole.before, f"{what}:", tally)
    again = run(words, states.scratch)
    tally.peak_mb = max(tally.peak_mb, first.peak_mb, again.peak_mb)
    for count, said in _after(states, job, whole, again):
        tally.fault(count, f"{what}: {said}")


def _check_promises(
    states: States,
    job: Job,
    first: Done,
    before: set[str],
    what: str,
    tally: Tally,
) -> None:
    """What was said before the kill is true, and all else as before."""
    if job.state != "gallery":
        return
    listed = run(
        ["gallery", "list", "--json", "--workspace", states.workspace], states.scratch
    )
    if listed.code:
        count = listed.flaw or "lost"
        tally.fault(count, f"{what} gallery list: {listed.last_words}")
        return
    now = {row["name"] for row in json.loads(listed.output)}
    for name in before - now - {_GONE if job.name == "remove" else ""}:
        tally.fault("lost", f"{what} {name} is not there")
    if job.name == "enroll" and "photos added" in first.output and _NEW not in now:
        tally.fault("lost", f"{what} the new person was acknowledged")
    if job.name == "remove" and "erased" in first.output and _GONE in now:
        tally.fault("undead", f"{what} the removal was acknowledged")


def _after(
    states: States, job: Job, whole: Whole, again: Done
) -> list[tuple[str, str]]:
    """Faults after the command was run again."""
    workspace, found = states.workspace, []
    removed_before = job.name == "remove" and again.code == 2
    if again.flaw:
        found.append((again.flaw, f"run again: {again.last_words}"))
    elif again.code and not removed_before:
        found.append(("wrong", f"run again: {again.code} {again.last_words}"))
    if names_of(workspace, states.scratch) != whole.people:
        found.append(("wrong", "run again, the gallery holds other people"))
    if hashes(workspace / name for name in job.made) != whole.made:
        found.append(("wrong", "run again, other files"))
    for name in sorted(shapes(workspace) - whole.shapes):
        found.append(("left_over", name))
    # The gallery's folder is what `remove` answers for.
    for file, kind in traces_below(workspace / "gallery", whole.traces):
        found.append(("erased_found", f"{kind} in {file}"))
    if job.state == "gallery":
        verified = run(["gallery", "verify", "--workspace", workspace], states.scratch)
        if verified.code:
            found.append((verified.flaw or "wrong", f"verify: {verified.last_words}"))
    if job.name == "backup":
        found += _restored(states, whole)
    return found


def _restored(states: States, whole: Whole) -> list[tuple[str, str]]:
    """Every backup can be put back and holds everybody."""
    workspace, found = states.workspace, []
    kept = states.scratch / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(workspace, kept)
    for backup in sorted(workspace.glob("gallery/backups/*.sqlite")):
        words = ("gallery", "restore", backup, *_FORCED, "--workspace", workspace)
        done = run(words, states.scratch)
        if done.code or names_of(workspace, states.scratch) != whole.people:
            found.append(("lost", f"{backup.name}: {done.code} {done.last_words}"))
        shutil.rmtree(workspace)
        shutil.copytree(kept, workspace)
    return found
