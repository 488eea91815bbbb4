"""Keeps the people of training and validation apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masking.errors import InvalidConfig


def validation_people(
    identities: Sequence[str], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which photographs belong to people held out for validation.

    A person's side depends on their name and the seed alone, so that adding
    photographs or people moves nobody from one side to the other.

    Args:
        identities: one for each photograph.
        fraction: of people, in (0, 1).

    Returns:
        (N,) bool, True = validation.

    Raises:
        InvalidConfig: fewer than four people.
    """
    people = sorted(set(identities), key=lambda name: _place(name, seed))
    if len(people) < 4:
        raise InvalidConfig(
            f"{len(people)} people are too few: two are trained on and two are kept "
            "out for validation. Add people."
        )
    is_held_out = {name for name in people if _place(name, seed) < fraction}
    # Small collections may miss the fraction altogether.
    is_held_out = (is_held_out | set(people[:2])) - set(people[-2:])
    return np.array([name in is_held_out for name in identities])


def _place(name: str, seed: int) -> float:
    # A folder's name need not be UTF-8.
    text = f"{seed}/{name}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(text).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
