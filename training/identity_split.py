"""Keeps the people of training and validation apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masking.errors import InvalidConfig


def validation_people(
    identities: Sequence[str], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which photographs belong to people kept out for validation.

    A person's side depends on their name and the seed alone, so that adding
    photographs or people moves nobody from one side to the other.

    Args:
        identities: one for each photograph.
        share: of people, in (0, 1).

    Returns:
        (N,) bool, True = validation.

    Raises:
        InvalidConfig: fewer than two people on a side.
    """
    kept_out = {name for name in set(identities) if _place(name, seed) < share}
    people = len(set(identities))
    if len(kept_out) < 2 or people - len(kept_out) < 2:
        raise InvalidConfig(
            f"{people} people with validation-share {share} leave {len(kept_out)} for "
            "validation. Two are needed on each side: add people or change the share."
        )
    return np.array([name in kept_out for name in identities])


def _place(name: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
