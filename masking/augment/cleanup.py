"""Removes pictures that an augmented folder no longer records."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from masking.augment.manifest import ManifestRow


def remove_stale_files(
    out: Path, folders: Iterable[str], rows: Iterable[ManifestRow]
) -> int:
    """Delete what `rows` does not name: photographs that were taken out of the
    collection, variants of other options, halves that a killed process left.

    Args:
        folders: those below `out` that hold nothing but recorded pictures.

    Returns:
        How many files are gone.
    """
    # 8 bytes a name: tens of millions of names fit. Two names with one digest
    # would leave a stale file, and never delete a recorded one.
    named = (_digest(name) for row in rows for name in row.files())
    digests = np.sort(np.fromiter(named, dtype=np.uint64))
    count = 0
    for folder in folders:
        for root, _, names in os.walk(out / folder, topdown=False):
            here = Path(root)
            below = here.relative_to(out).as_posix()
            stale = [name for name in names if not _in(digests, f"{below}/{name}")]
            for name in stale:
                (here / name).unlink(missing_ok=True)
            count += len(stale)
            if not any(here.iterdir()):
                here.rmdir()
    return count


def _digest(name: str) -> int:
    data = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


def _in(digests: NDArray[np.uint64], name: str) -> bool:
    wanted = np.uint64(_digest(name))
    place = int(np.searchsorted(digests, wanted))
    return place < len(digests) and bool(digests[place] == wanted)
