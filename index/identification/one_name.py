"""Nobody is in a photograph twice: of two faces with one name the nearer keeps it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from index.calibration.calibration import Decision


def once_each(decisions: Sequence[Decision]) -> list[tuple[Decision, str]]:
    """The decisions on the faces of a photo, and why a name was taken from one.

    Returns:
        As many, in their order; "" where nothing was taken.
    """
    keepers: dict[str, int] = {}
    for place in sorted(range(len(decisions)), key=lambda i: -_score(decisions[i])):
        if name := decisions[place].name:
            keepers.setdefault(name, place)
    found = []
    for place, decision in enumerate(decisions):
        name = decision.name
        if name is None or keepers[name] == place:
            found.append((decision, ""))
            continue
        reason = (
            f"looks like {name}, too, whom face {keepers[name] + 1} of this photo "
            "comes nearer: nobody is in a photo twice"
        )
        found.append((dataclasses.replace(decision, names=()), reason))
    return found


def _score(decision: Decision) -> float:
    return decision.matches[0].score if decision.matches else float("-inf")
