"""A snapshot: person templates and their search trees as files, opened at once.

It is derived from the gallery and disposable. Annoy's file records neither
dimension nor metric and crashes the process when it is damaged, so nothing of a
snapshot is opened before the hashes in its manifest are checked.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.engines.annoy_index import SEED, Trees, load_trees
from index.engines.neighbours import Templates
from masking.errors import BadRecord
from masking.files.writing import PREFIX, folder_locked

FORMAT_VERSION = 1
FOLDER = "snapshots"
METRIC = "euclidean"
# The newest, and one that another process may be reading.
KEPT = 2
# Another process may write into a folder while it is being deleted.
_DELETE_ATTEMPTS = 5
# Long enough for another process to delete what is half-written.
_WAIT_S = 60.0
MATRIX, PEOPLE, MASKED, TREES = "matrix.npy", "people.npy", "masked.npy", "trees.ann"
MANIFEST = "manifest.json"
_FILES = (MANIFEST, MATRIX, PEOPLE, MASKED, TREES)
_NAME = re.compile(r"\d{12}-.+")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A checked snapshot.

    Attributes:
        folder: where it lies.
        templates: what is searched; the matrix is memory-mapped.
        trees: Annoy's index over the rows of the matrix, mapped.
    """

    folder: Path
    templates: Templates
    trees: Trees


def write_snapshot(
    gallery_folder: Path, templates: Templates, trees: Trees, fingerprint: str
) -> Path:
    """Write the next snapshot, visible only when it is complete.

    Args:
        trees: Annoy's index of the templates.
        fingerprint: of the embedder of the templates.

    Returns:
        The new folder; older ones than the KEPT newest are gone.

    Raises:
        OSError: the folder cannot be written, or a removal swept it meanwhile.
    """
    home = _home(gallery_folder)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder_locked(home, _WAIT_S, shared=True) as held:
        if not held:
            raise OSError(f"{home}: another process has been deleting for {_WAIT_S} s")
        final = _written(home, templates, trees, fingerprint)
    _delete_older(home, final)
    return final


def _written(home: Path, templates: Templates, trees: Trees, fingerprint: str) -> Path:
    writing = Path(tempfile.mkdtemp(dir=home, prefix=PREFIX))
    try:
        np.save(writing / MATRIX, templates.matrix, allow_pickle=False)
        np.save(writing / PEOPLE, templates.person_ids, allow_pickle=False)
        np.save(writing / MASKED, templates.masked, allow_pickle=False)
        trees.save(str(writing / TREES))
        manifest = {
            "format_version": FORMAT_VERSION,
            "gallery_id": templates.gallery_id,
            "gallery_version": templates.version,
            "fingerprint": fingerprint,
            "templates": len(templates.person_ids),
            "dimension": int(templates.matrix.shape[1]),
            "metric": METRIC,
            "trees": trees.get_n_trees(),
            "seed": SEED,
            "sha256": {file.name: _sha256(file) for file in writing.iterdir()},
        }
        (writing / MANIFEST).write_text(json.dumps(manifest, indent=1))
        for file in writing.iterdir():
            file.chmod(0o600)
        # Of two with one version, the one that was made later is the newer.
        token = f"{time.time_ns():020d}{writing.name.removeprefix(PREFIX)}"
        return writing.rename(home / f"{templates.version:012d}-{token}")
    except BaseException:
        with suppress(OSError):
            _delete(writing)
        raise


def read_snapshot(folder: Path, gallery_id: str, fingerprint: str) -> Snapshot:
    """Open a snapshot after checking that it is whole and of this gallery.

    Raises:
        BadRecord: damaged, of another gallery, or of another embedder's vectors.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        names = ("format_version", "gallery_id", "fingerprint", "metric")
        found = tuple(manifest[name] for name in names)
        if found != (FORMAT_VERSION, gallery_id, fingerprint, METRIC):
            raise BadRecord(f"{folder}: belongs to another state of the gallery")
        for name in (MATRIX, PEOPLE, MASKED, TREES):
            if _sha256(folder / name) != manifest["sha256"][name]:
                raise BadRecord(f"{folder / name}: damaged, its hash differs")
        matrix = np.load(folder / MATRIX, mmap_mode="r", allow_pickle=False)
        if matrix.shape != (manifest["templates"], manifest["dimension"]):
            raise BadRecord(f"{folder}: matrix is {matrix.shape}, unlike its manifest")
        templates = Templates(
            gallery_id,
            int(manifest["gallery_version"]),
            np.load(folder / PEOPLE, allow_pickle=False),
            np.load(folder / MASKED, allow_pickle=False),
            matrix,
        )
        trees = load_trees(folder / TREES, matrix.shape[1])
        return Snapshot(folder, templates, trees)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecord(f"{folder}: damaged ({error})") from error


def snapshot_folders(gallery_folder: Path) -> list[Path]:
    """Complete snapshots, the newest first."""
    found = [path for path in _own(gallery_folder) if _NAME.fullmatch(path.name)]
    return sorted(found, reverse=True)


def version_of(folder: Path) -> int:
    """Of the gallery from which one of `snapshot_folders` was made."""
    return int(folder.name.partition("-")[0])


def drop_snapshots(gallery_folder: Path) -> None:
    """Delete every snapshot, half-written ones too: they hold faces' vectors.

    Nothing else in the folder is touched, and no link is followed.

    Raises:
        OSError: something could not be deleted.
    """
    _home(gallery_folder)
    for path in _own(gallery_folder):
        _delete(path)


def sweep_half_written(gallery_folder: Path) -> None:
    """Delete what killed processes left half-written, unless somebody writes now.

    Raises:
        OSError: something could not be deleted.
    """
    if any(map(_is_half_written, _own(gallery_folder))):
        with folder_locked(_home(gallery_folder), 0.0) as held:
            for path in _own(gallery_folder) if held else []:
                if _is_half_written(path):
                    _delete(path)


def _is_half_written(path: Path) -> bool:
    return path.name.startswith(PREFIX)


def _home(gallery_folder: Path) -> Path:
    """The folder of snapshots.

    Raises:
        OSError: it is a link; where that leads is not ours to write and delete.
    """
    home = gallery_folder / FOLDER
    if home.is_symlink():
        raise OSError(f"{home} is a link: delete it, and search files where it leads")
    return home


def _own(gallery_folder: Path) -> list[Path]:
    """Folders that `write_snapshot` made, or is making."""
    home = gallery_folder / FOLDER
    if home.is_symlink() or not home.is_dir():
        return []
    return [
        path
        for path in home.iterdir()
        if (_NAME.fullmatch(path.name) or _is_half_written(path))
        and path.is_dir()
        and not path.is_symlink()
    ]


def _delete(folder: Path) -> None:
    """Delete a snapshot's files, and its folder unless somebody keeps more there."""
    for _ in range(_DELETE_ATTEMPTS):
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        if not any((folder / name).exists() for name in _FILES):
            return
    raise OSError(f"{folder}: another process writes there")


def _delete_older(home: Path, newest: Path) -> None:
    """Delete all but the KEPT newest."""
    others = [path for path in snapshot_folders(home.parent) if path != newest]
    for path in others[KEPT - 1 :]:
        # A removal in another process may sweep at the same time.
        with suppress(OSError):
            _delete(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
