"""CPU time, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

WHOLE = "all of it, without a card"


@dataclass
class Stopwatch:
    """CPU seconds of each step, a list a step."""

    spent: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times a block."""
        started = time.process_time()
        yield
        self.add(name, time.process_time() - started)

    def add(self, name: str, seconds: float) -> None:
        """Count one more time of a step."""
        self.spent.setdefault(name, []).append(seconds)

    def whole_ms(self, chosen: list[bool]) -> float:
        """Median of whole identifications, of the chosen probes."""
        times = zip(self.spent[WHOLE], chosen, strict=True)
        return 1e3 * median(seconds for seconds, wanted in times if wanted)

    def medians_ms(self) -> dict[str, float]:
        """Median of each step, milliseconds."""
        return {name: 1e3 * median(times) for name, times in self.spent.items()}
