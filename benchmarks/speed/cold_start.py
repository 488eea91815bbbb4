"""What a program costs from its start to its answer, process by process."""

from __future__ import annotations

import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ColdFigures:
    """From the start of a process to its answer: medians, seconds."""

    cpu_s: float
    wall_s: float


def cold_start(command: list[str], runs: int) -> ColdFigures:
    """Medians over `runs` processes, after one that warms the disk's cache."""
    times = []
    for _ in range(runs + 1):
        before, started = _children_s(), time.perf_counter()
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        times.append((_children_s() - before, time.perf_counter() - started))
    cpu_s, wall_s = (median(column) for column in zip(*times[1:], strict=True))
    return ColdFigures(cpu_s, wall_s)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
