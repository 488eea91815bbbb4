"""Removes pictures that an augmented folder recorded once and no longer does."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from masking.augment.journal import recorded_rows
from masking.augment.manifest import ManifestRow
from masking.files.writing import sweep_unfinished


def remove_stale_files(
    out: Path,
    folders: Iterable[str],
    records: Iterable[Path],
    rows: Iterable[ManifestRow],
) -> int:
    """Delete what `records` name and `rows` do not: photographs that were taken out
    of the collection, variants of other options; and halves of a killed process.

    Nothing else is touched, and no link is followed: what lies behind one is not
    ours.

    Args:
        out: the augmented folder.
        folders: those below `out` that hold the pictures.
        records: manifests and journals of earlier runs.
        rows: of the run that has just been done.

    Returns:
        How many files are gone.
    """
    folders = frozenset(folders)
    # 8 bytes a name: tens of millions of names fit. Two names with one digest
    # would leave a stale file, and never delete a recorded one.
    named = (_digest(name) for row in rows for name in row.files())
    digests = np.sort(np.fromiter(named, dtype=np.uint64))
    stale = (
        out / name
        for record in records
        for row in recorded_rows(record)
        for name in row.files()
        if _is_inside(name, folders) and not _in(digests, name)
    )
    count, left = sweep_unfinished(out), set[Path]()
    for path in stale:
        if _is_own(path, out):
            path.unlink(missing_ok=True)
            left.add(path.parent)
            count += 1
    _remove_empty(left, out)
    return count


def _is_inside(name: str, folders: frozenset[str]) -> bool:
    """Whether a recorded name is one of a picture; records may be damaged."""
    parts = PurePosixPath(name).parts
    return len(parts) > 1 and parts[0] in folders and ".." not in parts


def _is_own(path: Path, out: Path) -> bool:
    """Whether it is a file, and reached without a link from `out`."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
    except OSError:
        return False
    between = path.relative_to(out).parents
    return not any((out / folder).is_symlink() for folder in between[:-1])


def _remove_empty(folders: Iterable[Path], out: Path) -> None:
    for folder in folders:
        # Fails, as it should, at the first that still holds something.
        with suppress(OSError):
            while folder != out:
                folder.rmdir()
                folder = folder.parent


def _digest(name: str) -> int:
    data = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


def _in(digests: NDArray[np.uint64], name: str) -> bool:
    wanted = np.uint64(_digest(name))
    place = int(np.searchsorted(digests, wanted))
    return place < len(digests) and bool(digests[place] == wanted)
