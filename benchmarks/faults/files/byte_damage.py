"""Ways to damage the bytes of any file, drawn by chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes anywhere become others."""
    return _changed(data, rng, len(data))


def flip_head(data: bytes, rng: np.random.Generator) -> bytes:
    """The same among the first 128."""
    return _changed(data, rng, min(128, len(data)))


def _changed(data: bytes, rng: np.random.Generator, end: int) -> bytes:
    found = bytearray(data)
    for place in rng.integers(end, size=int(rng.choice([1, 2, 8, 40]))):
        found[place] ^= int(rng.integers(1, 256))
    return bytes(found)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The rest is missing."""
    return data[: rng.integers(len(data))]


def zero_tail(data: bytes, rng: np.random.Generator) -> bytes:
    """The rest is zeros, as after a power cut."""
    kept = int(rng.integers(len(data)))
    return data[:kept] + bytes(len(data) - kept)


def zero_block(data: bytes, rng: np.random.Generator) -> bytes:
    """A part is zeros."""
    start = int(rng.integers(len(data)))
    size = min(len(data) - start, 512)
    return data[:start] + bytes(size) + data[start + size :]


def appended(data: bytes, rng: np.random.Generator) -> bytes:
    """Something follows that does not belong there."""
    return data + rng.bytes(int(rng.integers(1, 2000)))


def swapped(data: bytes, rng: np.random.Generator) -> bytes:
    """Two halves in the wrong order."""
    place = int(rng.integers(1, max(2, len(data))))
    return data[place:] + data[:place]


def emptied(_: bytes, __: np.random.Generator) -> bytes:
    """Nothing is left."""
    return b""


def another(_: bytes, rng: np.random.Generator) -> bytes:
    """A file of a wholly different kind."""
    heads = (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"SQLite format 3\0", b"\xef\xbb\xbf")
    return heads[rng.integers(len(heads))] + rng.bytes(300)


BYTES: dict[str, Damage] = {
    "flip": flip,
    "flip head": flip_head,
    "cut": cut,
    "zero tail": zero_tail,
    "zero block": zero_block,
    "append": appended,
    "swap": swapped,
    "empty": emptied,
    "another kind": another,
}


def line_lost(data: bytes, rng: np.random.Generator) -> bytes:
    """One line less."""
    lines = data.splitlines(keepends=True)
    del lines[rng.integers(len(lines))]
    return b"".join(lines)


def line_twice(data: bytes, rng: np.random.Generator) -> bytes:
    """One line twice."""
    lines = data.splitlines(keepends=True)
    place = int(rng.integers(len(lines)))
    return b"".join([*lines[: place + 1], *lines[place:]])


_ODD_TEXT = (
    *(b"\0", b"\xff\xfe", b"\xc3", b"\r", b'"', b"\xe2\x80\xae", b"\t", b","),
    *(b"[" * 5000, b"9" * 5000, b"-1", b"NaN", b"1e999", b"../../etc/passwd"),
    b"x" * 70_000,
)


def odd_text(data: bytes, rng: np.random.Generator) -> bytes:
    """Something in the text that parsers do not expect."""
    place = int(rng.integers(len(data) + 1))
    return data[:place] + _ODD_TEXT[rng.integers(len(_ODD_TEXT))] + data[place:]


TEXT: dict[str, Damage] = {
    "line lost": line_lost,
    "line twice": line_twice,
    "odd text": odd_text,
}
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**400),
    *("", "x", "../x", "\ud800", [], {}, [[]], [1, "a"], {"a": 1}),
)


def odd_value(data: bytes, rng: np.random.Generator) -> bytes:
    """One value of JSON, or of one line of JSON lines, is another, or is missing."""
    lines = data.splitlines(keepends=True)
    whole = not data.lstrip().startswith(b"{") or len(lines) == 1 or _is_json(data)
    chosen = 0 if whole else int(rng.integers(len(lines)))
    root = json.loads(data if whole else lines[chosen])
    holder = [root]
    _replace(holder, 0, rng)
    text = json.dumps(holder[0] if holder else "").encode() + b"\n"
    return text if whole else b"".join([*lines[:chosen], text, *lines[chosen + 1 :]])


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _replace(holder: Any, key: Any, rng: np.random.Generator) -> None:
    """Go down from holder[key] and change something there."""
    value = holder[key]
    if isinstance(value, dict | list) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        _replace(value, keys[rng.integers(len(keys))], rng)
    elif rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = _ODD_VALUES[rng.integers(len(_ODD_VALUES))]


JSON: dict[str, Damage] = {"odd value": odd_value}
