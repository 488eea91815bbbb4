"""Damages every kind of file that the toolkit reads, one at a time.

A command that meets damage may refuse in one line, or answer as if there were none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.faults.files.file_kinds import KINDS, Kind
from benchmarks.faults.files.file_states import States
from benchmarks.faults.processes.children import Done, run
from benchmarks.faults.small_workspace import TRAINED, answer
from benchmarks.faults.tally import Tally, Trial

_MISSING = "missing"
# Of toolkit files every workspace would do.
_FOR_TOOLKIT = "gallery"


def try_files(trial: Trial, count: int) -> Tally:
    """Damage `count` files, and read each."""
    tally = Tally("files")
    states = States(trial.folder)
    whole: dict[str, list[str]] = {}
    weights = np.array([kind.weight for kind in KINDS], dtype=np.float64)
    for number in tqdm(range(count), "files", mininterval=5):
        rng = trial.rng("file", number)
        kind = KINDS[rng.choice(len(KINDS), p=weights / weights.sum())]
        if kind.name not in whole:
            whole[kind.name] = _whole_answers(trial, states, kind)
        _try_one(trial, states, kind, number, whole[kind.name], tally)
    return tally


def _whole_answers(trial: Trial, states: States, kind: Kind) -> list[str]:
    """What the commands of a kind say when nothing is damaged."""
    _restore(states, kind)
    file = _files(trial, states, kind)[0]
    return [text for _, text in _answers(states, kind, file)]


def _try_one(
    trial: Trial,
    states: States,
    kind: Kind,
    number: int,
    expected: list[str],
    tally: Tally,
) -> None:
    _restore(states, kind)
    rng = trial.rng("damage", number)
    files = _files(trial, states, kind)
    file = files[rng.integers(len(files))]
    ways = [*kind.ways, _MISSING]
    way = ways[rng.integers(len(ways))]
    data = None if way == _MISSING else kind.ways[way](file.read_bytes(), rng)
    what = f"{kind.name}, {way.removesuffix(' again')} | {number} {file.name}"
    tally.tried += 1
    before = len(tally.faults)
    with _in_place(file, data):
        for step, (done, text) in enumerate(_answers(states, kind, file)):
            tally.peak_mb = max(tally.peak_mb, done.peak_mb)
            said = f"{what}: {' '.join(done.arguments[:2])}: {done.last_words}"
            if done.flaw:
                tally.fault(done.flaw, said)
            elif kind.exact and done.code in (0, 3) and text != expected[step]:
                tally.fault("wrong", said)
    if len(tally.faults) > before:
        trial.kept(f"file-{number}-{file.name}", data or b"")


def _restore(states: States, kind: Kind) -> None:
    states.restore(_FOR_TOOLKIT if kind.state == "toolkit" else kind.state)


def _files(trial: Trial, states: States, kind: Kind) -> list[Path]:
    home = trial.toolkit if kind.state == "toolkit" else states.workspace
    found = sorted(path for path in home.glob(kind.pattern) if path.is_file())
    if not found:
        raise RuntimeError(f"{kind.name}: nothing at {kind.pattern}")
    return found


def _answers(states: States, kind: Kind, file: Path) -> Iterator[tuple[Done, str]]:
    """The ends of a kind's commands and what they said, up to one that refuses."""
    made = [states.workspace / name for name in kind.made]
    for command in kind.commands:
        done = run(_words(command, states.workspace, file), states.scratch)
        # The damaged file is another one each time.
        yield done, answer(done, made, [file, states.workspace])
        if done.code not in (0, 3):
            return


def _words(command: str, workspace: Path, file: Path) -> list[str]:
    words: list[str] = []
    for word in command.split():
        if word in _OPTIONS:
            words += _OPTIONS[word]
        elif word == "F":
            words.append(str(file))
        else:
            first, *rest = word.split("/")
            words.append(str(workspace.joinpath(*rest)) if first == "W" else word)
    return words


_OPTIONS = {"TRAIN": TRAINED}


@contextmanager
def _in_place(file: Path, data: bytes | None) -> Iterator[None]:
    """The file with other bytes, or away; the toolkit's own come back."""
    whole = file.read_bytes()
    file.unlink()
    try:
        if data is not None:
            file.write_bytes(data)
        yield
    finally:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(whole)
