"""Damaged files of all kinds, each read by the command that reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.faults.workspaces import (
    ONE,
    RESULTS,
    SHIPPED,
    TRAINED,
    Done,
    Workspaces,
    in_workspace,
    run,
)

Damage = Callable[[bytes, np.random.Generator], bytes]
_IDENTIFY = ("identify", "W/probe.jpg", "--json", "--no-cards")
_AUGMENT = ("augment", "W/people", "--variants", "1", *ONE)
_TRAIN = ("train", *TRAINED)
# State, files, the command that reads them, and whether it must answer as for whole
# files where it answers: no photograph says that it is another one.
_KINDS: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("enroll", "gallery/gallery.sqlite", _IDENTIFY, True),
    ("enroll", "gallery/snapshots/*/*", _IDENTIFY, True),
    (
        *("enroll", "gallery/backups/*.sqlite"),
        ("gallery", "restore", "F", "--force", "--yes"),
        False,
    ),
    ("enroll", "probe.jpg", _IDENTIFY, False),
    ("enroll", "probe.jpg", ("enroll", "Somebody", "F", *SHIPPED), False),
    ("inputs", "people/*/*.jpg", _AUGMENT, False),
    ("augment", "augmented/manifest.jsonl", _AUGMENT, False),
    ("augment", "augmented/chips/*/*.jpg", _TRAIN, False),
    ("augment", "augmented/manifest.jsonl", _TRAIN, False),
    ("train", "models/embedder-*", _IDENTIFY, False),
    ("train", "models/latest", _IDENTIFY, False),
)


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes, half the time of the first 128, become others."""
    found = bytearray(data)
    end = min(128, len(data)) if rng.random() < 0.5 else len(data)
    for place in rng.integers(end, size=int(rng.choice([1, 8, 40]))):
        found[place] ^= int(rng.integers(1, 256))
    return bytes(found)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The rest is missing."""
    return data[: rng.integers(len(data))]


def zero_tail(data: bytes, rng: np.random.Generator) -> bytes:
    """The rest is zeros, as after a power cut."""
    kept = int(rng.integers(len(data)))
    return data[:kept] + bytes(len(data) - kept)


def another_kind(_: bytes, rng: np.random.Generator) -> bytes:
    """A file of a wholly different kind."""
    heads = (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"SQLite format 3\0", b"\xef\xbb\xbf")
    return heads[rng.integers(len(heads))] + rng.bytes(300)


_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 1e308, float("nan"), 10**400),
    *("", "../x", "\ud800", [], {}, [[]], [1, "a"], {"a": 1}),
)


def odd_value(data: bytes, rng: np.random.Generator) -> bytes:
    """One value of one line of JSON is another, or is missing."""
    lines = data.splitlines(keepends=True)
    chosen = int(rng.integers(len(lines)))
    root: Any = json.loads(lines[chosen])
    holder, key = root, str(rng.choice(list(root)))
    while isinstance(holder[key], dict) and holder[key] and rng.random() < 0.8:
        holder = holder[key]
        key = str(rng.choice(list(holder)))
    holder[key] = _ODD_VALUES[rng.integers(len(_ODD_VALUES))]
    if rng.random() < 0.2:
        del holder[key]
    line = json.dumps(root).encode() + b"\n"
    return b"".join([*lines[:chosen], line, *lines[chosen + 1 :]])


WAYS: tuple[Damage, ...] = (flip, cut, zero_tail, another_kind)


def damage_a_file(workspaces: Workspaces, rng: np.random.Generator) -> Iterator[str]:
    """Damage one file and read it: what went wrong, a line each."""
    state, pattern, command, exact = _KINDS[rng.integers(len(_KINDS))]
    home = workspaces.restore(state)
    files = sorted(path for path in home.glob(pattern) if path.is_file())
    file = files[rng.integers(len(files))]
    words = [str(file) if word == "F" else in_workspace(word, home) for word in command]
    words += ["--workspace", str(home)]
    whole = run(*words) if exact else None
    ways = (*WAYS, odd_value) if file.suffix == ".jsonl" else WAYS
    way = ways[rng.integers(len(ways))]
    file.write_bytes(way(file.read_bytes(), rng))
    done = run(*words)
    what = f"{way.__name__}, {file.relative_to(home)}, {command[0]}"
    if done.flaw:
        yield f"{what}: {done.flaw}"
    elif whole and done.code in RESULTS and _names(done) != _names(whole):
        yield f"{what}: another answer than for the whole file"


def _names(done: Done) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in done.output.splitlines()]
    return [(row["status"], str(row.get("name"))) for row in rows]
