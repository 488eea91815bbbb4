"""Removes pictures that an augmented folder no longer records."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from masking.manifest import ManifestRow


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
    kept = {
        out / name
        for row in rows
        for name in (row.chip, *(item.file for item in row.masked))
    }
    count = 0
    for folder in folders:
        for root, _, names in os.walk(out / folder, topdown=False):
            here = Path(root)
            stale = [here / name for name in names if here / name not in kept]
            for path in stale:
                path.unlink(missing_ok=True)
            count += len(stale)
            if not any(here.iterdir()):
                here.rmdir()
    return count
