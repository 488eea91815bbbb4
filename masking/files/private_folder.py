"""Folders that only their owner may look into: everything in them shows people."""

from __future__ import annotations

from pathlib import Path

PRIVATE_MODE = 0o700


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing, with mode 0700.

    One that is there keeps its mode, which somebody may have chosen.

    Raises:
        OSError: it cannot be made.
    """
    # Path.mkdir(parents=True) gives the mode to the last of them alone.
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
    return path
