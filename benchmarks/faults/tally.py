"""What a trial found: one row of the table, and a line for each fault."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm


@dataclass
class Tally:
    """Counts of one trial; all but `tried`, `unknowable` and `peak_mb` should be 0.

    Attributes:
        trial: its name.
        tried: pictures read, files damaged, commands killed, answers given ...
        lost: people whose enrolment was acknowledged and who are not there, and other
            things that a command said to have made.
        undead: people whose removal was acknowledged and who are there.
        erased_found: traces of removed people, one for each file and kind of trace.
        tracebacks: ends other than a result or one clear line with exit code 2.
        crashes: ends by a signal that nobody sent.
        wrong: pictures with wrong pixels, or answers unlike those of whole files,
            without a word.
        unknowable: the same where nothing in the file tells: pixels without a
            checksum. No fault: another picture in a valid file.
        left_over: half-made files that were still there after the next run.
        hangs: what took longer than its limit.
        oversized: what took more memory than its limit.
        peak_mb: memory of the largest process, MB (of 2^20 bytes).
        faults: a line for each, with what repeats it.
    """

    trial: str
    tried: int = 0
    lost: int = 0
    undead: int = 0
    erased_found: int = 0
    tracebacks: int = 0
    crashes: int = 0
    wrong: int = 0
    unknowable: int = 0
    left_over: int = 0
    hangs: int = 0
    oversized: int = 0
    peak_mb: float = 0.0
    faults: list[str] = field(default_factory=list)

    def fault(self, count: str, what: str) -> None:
        """One more of `count`, which is the name of a field; told at once."""
        setattr(self, count, getattr(self, count) + 1)
        if count != "unknowable":
            self.faults.append(f"{count}: {what}")
            tqdm.write(f"{self.trial}: {self.faults[-1]}", file=sys.stderr)

    def kinds(self) -> list[tuple[int, str]]:
        """Faults that begin alike, up to " | ", with how many; the most first."""
        counted = Counter(line.split(" | ")[0] for line in self.faults)
        return [(count, kind) for kind, count in counted.most_common()]


@dataclass(frozen=True)
class Trial:
    """Where a trial works and what it is drawn from.

    Attributes:
        folder: its own, empty.
        toolkit: a copy of the toolkit's code and models, which may be damaged.
        seed: of everything that is drawn.
        keep: gets the damaged files that did harm; None keeps none.
    """

    folder: Path
    toolkit: Path
    seed: int
    keep: Path | None = None

    def rng(self, name: str, number: int) -> np.random.Generator:
        """Chance for one try: the same whatever else is tried."""
        return np.random.default_rng([self.seed, number, *name.encode()])

    def kept(self, name: str, data: bytes) -> None:
        """Keep a file that did harm."""
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / name).write_bytes(data)
