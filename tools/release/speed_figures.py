"""Which figures of the speed benchmarks stand in which cells; see `result_figures`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Cell = str | int | float | list[float] | None
# Labels of a row, and its cells by column.
Rows = dict[tuple[str, ...], dict[str, Cell]]


def masking_speed(rows: list[dict[str, Any]]) -> Rows:
    """Of `masking_speed`."""
    return {
        (one["name"].strip(),): {
            "ours": one["faces_per_second"],
            "beside bare decode and encode": one["ratio"],
        }
        for one in rows
    }


def search(record: dict[str, Any]) -> Rows:
    """Of `search_speed`."""
    rows: Rows = {}
    for one in record["search"]:
        built = re.search(r"built in ([\d.]+) s", one["note"])
        way = "Annoy" if one["way"] == "annoy" else one["way"].removesuffix(" way")
        rows[f"{one['people']:,}", way] = {
            "finds the right person": one["recall"],
            "finds exact search's nearest": one["agrees"],
            "CPU ms": one["ms"],
            "built in, s": float(built[1]) if built else None,
        }
    return rows


def identify_speed(record: dict[str, Any]) -> Rows:
    """Of `identify_speed`: seconds of CPU time a photo."""
    cells: dict[tuple[str, ...], tuple[float, float]] = {
        ("warm",): (record["whole_ms"] / 1000, record["whole_theirs_ms"] / 1000),
        ("from the start of the process",): (
            record["cold"]["cpu_s"],
            record["cold_theirs"]["cpu_s"],
        ),
        ("photos found",): (record["found_ours"], record["found_theirs"]),
    }
    return {
        label: {
            "ours": ours,
            "face_recognition's way": theirs,
            "ours / theirs": ours / theirs,
        }
        for label, (ours, theirs) in cells.items()
    }


def training_speed(rows: list[dict[str, Any]]) -> Rows:
    """Of `training_speed`."""
    return {
        (one["name"],): {
            "compared with": one["compared_with"],
            "faces a second": one["images_per_second"],
            "ratio": one["ratio"],
        }
        for one in rows
    }


SPEEDS: dict[str, Callable[[Any], Rows]] = {
    "masking-speed": masking_speed,
    "identify-speed": identify_speed,
    "training-speed": training_speed,
    "search": search,
}
