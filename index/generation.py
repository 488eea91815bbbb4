"""A generation: person templates as files that a search opens at once.

It is derived from the gallery and disposable. Annoy's file records neither
dimension nor metric and crashes the process when it is damaged, so nothing of a
generation is opened before the hashes in its manifest are checked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.templates import Templates
from masking.errors import BadRecord

FORMAT_VERSION = 1
FOLDER = "generations"
METRIC = "euclidean"
# The newest, and one that another process may be reading.
KEPT = 2
# Another process may write into a folder while it is being deleted.
_DELETE_ATTEMPTS = 5
_ABANDONED_S = 3600.0
MATRIX, PEOPLE, ANNOY, MANIFEST = (
    "matrix.npy",
    "people.npy",
    "annoy.ann",
    "manifest.json",
)


@dataclass(frozen=True, eq=False)
class Generation:
    """A checked generation; `templates.matrix` is memory-mapped.

    Attributes:
        annoy_file: Annoy's index over the rows of the matrix.
    """

    templates: Templates
    annoy_file: Path


def write_generation(
    gallery_folder: Path, templates: Templates, build: Callable[[Path], None], seed: int
) -> Path:
    """Write the next generation, visible only when it is complete.

    Args:
        build: writes Annoy's index of the templates to a path.
        seed: what `build` was seeded with, for the record.

    Returns:
        The new folder; older ones than the KEPT newest are gone.

    Raises:
        OSError: the folder cannot be written, or a removal swept it meanwhile.
    """
    home = gallery_folder / FOLDER
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    writing = Path(tempfile.mkdtemp(dir=home, prefix=".writing-"))
    try:
        np.save(writing / MATRIX, templates.matrix, allow_pickle=False)
        np.save(writing / PEOPLE, templates.person_ids, allow_pickle=False)
        build(writing / ANNOY)
        manifest = {
            "format_version": FORMAT_VERSION,
            "gallery_id": templates.gallery_id,
            "gallery_version": templates.version,
            "people": len(templates.person_ids),
            "dimension": int(templates.matrix.shape[1]),
            "metric": METRIC,
            "seed": seed,
            "sha256": {n: _sha256(writing / n) for n in (MATRIX, PEOPLE, ANNOY)},
        }
        (writing / MANIFEST).write_text(json.dumps(manifest, indent=1))
        for file in writing.iterdir():
            file.chmod(0o600)
        token = writing.name.removeprefix(".writing-")
        final = writing.rename(home / f"{templates.version:012d}-{token}")
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise
    others = [path for path in generation_folders(gallery_folder) if path != final]
    # A removal in another process may sweep at the same time.
    with suppress(FileNotFoundError):
        _sweep(home, [final, *others[: KEPT - 1]])
    return final


def read_generation(folder: Path, gallery_id: str, version: int) -> Generation:
    """Open a generation after checking that it is whole and of this gallery.

    Raises:
        BadRecord: damaged, of another gallery, or older than its last change.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        found = (
            manifest["format_version"],
            manifest["gallery_id"],
            manifest["gallery_version"],
            manifest["metric"],
        )
        if found != (FORMAT_VERSION, gallery_id, version, METRIC):
            raise BadRecord(f"{folder}: belongs to another state of the gallery")
        for name in (MATRIX, PEOPLE, ANNOY):
            if _sha256(folder / name) != manifest["sha256"][name]:
                raise BadRecord(f"{folder / name}: damaged, its hash differs")
        matrix = np.load(folder / MATRIX, mmap_mode="r", allow_pickle=False)
        people = np.load(folder / PEOPLE, allow_pickle=False)
        if matrix.shape != (manifest["people"], manifest["dimension"]):
            raise BadRecord(f"{folder}: matrix is {matrix.shape}, unlike its manifest")
        templates = Templates(gallery_id, version, people, matrix)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRecord(f"{folder}: damaged ({error})") from error
    return Generation(templates, folder / ANNOY)


def generation_folders(gallery_folder: Path, version: int | None = None) -> list[Path]:
    """Complete generations, of one version or of all, the newest first."""
    home = gallery_folder / FOLDER
    if not home.is_dir():
        return []
    start = "" if version is None else f"{version:012d}-"
    names = [
        path
        for path in home.iterdir()
        if path.name.startswith(start) and not path.name.startswith(".")
    ]
    return sorted(names, reverse=True)


def drop_generations(gallery_folder: Path) -> None:
    """Delete every generation, half-written ones too: they hold faces' vectors.

    Raises:
        OSError: something could not be deleted.
    """
    home = gallery_folder / FOLDER
    for path in list(home.iterdir()) if home.is_dir() else []:
        for _ in range(_DELETE_ATTEMPTS):
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                break
        else:
            # Says why, or succeeds after all.
            shutil.rmtree(path)


def _sweep(home: Path, kept: list[Path]) -> None:
    for path in home.iterdir():
        # A half-written one is another process's work, unless that was killed.
        old = path.stat().st_mtime < time.time() - _ABANDONED_S
        if path not in kept and (old or not path.name.startswith(".")):
            shutil.rmtree(path, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
