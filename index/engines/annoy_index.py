"""Annoy's trees shortlist people, exact distances order them; snapshots keep the trees.

A snapshot is the templates of people and their trees as files, opened at once. It is
derived from the gallery and disposable. Annoy's file records neither dimension nor
metric and crashes the process when it is damaged, so nothing of a snapshot is opened
before the hashes in its manifest are checked.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from index.engines.neighbours import Neighbour, Templates, checked_query, ranked
from masking.errors import BadRecord, MissingInput
from masking.files.model_files import sha256_of_file
from masking.files.writing import PREFIX, folder_locked
from masking.landmarks import Float32

# Fixed: the same templates give the same file and the same answers.
SEED = 1
# With 512 numbers a face, people lie in too many directions for trees to tell far ones
# early: to find the nearest of 99.9% of masked probes, nearly all leaves of two have
# to be looked at, or half of those of eight trees, which takes longer:
# python -m benchmarks.speed.search_speed
TREES = 2
_LOOKED_AT = 0.875
# More than asked for, since Annoy's order is not final before the re-ranking.
_SHORTLIST = 64
# Trees of fewer rows are made before anybody has seen a bar.
_BAR_AFTER_S = 1.0


class NoAnnoy(MissingInput):
    """The package is not installed: it is the one that needs a compiler."""


class Trees(Protocol):
    """Annoy's index, as far as it is used here; the package has no types."""

    def add_item(self, row: int, vector: Float32) -> None:
        """Give a row its vector."""

    def build(self, trees: int, n_jobs: int) -> bool:
        """Make the trees; no row can be added after that."""

    def get_n_items(self) -> int:
        """How many rows it holds."""

    def get_n_trees(self) -> int:
        """How many trees."""

    def get_nns_by_vector(self, vector: Float32, n: int, search_k: int) -> list[int]:
        """About the n nearest rows, looking at `search_k` nodes."""

    def load(self, path: str) -> bool:
        """Map a file of trees."""

    def save(self, path: str) -> bool:
        """Write them into a file."""

    def set_seed(self, seed: int) -> None:
        """Of the trees that are to be made."""


class AnnoySearch:
    """Searches an index that `build_trees` made of the same templates.

    Args:
        search_k: nodes to look at; more finds more and takes longer.
    """

    def __init__(self, templates: Templates, index: Trees, search_k: int):
        self._templates, self._index, self._search_k = templates, index, search_k

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch; may miss people, but never misstates a distance."""
        query = checked_query(query, self._templates.matrix.shape[1])
        wanted = max(2 * k, _SHORTLIST)
        # Long lists need a long search, however quickly the nearest is found.
        search_k = max(self._search_k, 2 * k * self._index.get_n_trees())
        found = self._index.get_nns_by_vector(query, wanted, search_k=search_k)
        return ranked(self._templates, np.array(found, dtype=np.int64), query, k)


def search_k_of(rows: int) -> int:
    """Nodes to look at among so many rows, a row counting once a tree."""
    return round(TREES * rows * _LOOKED_AT)


def build_trees(templates: Templates, trees: int = TREES) -> Trees:
    """Annoy's index of the templates, in memory; shows a bar when it takes long."""
    index = _empty_index(templates.matrix.shape[1])
    index.set_seed(SEED)
    with tqdm(
        desc="search index",
        total=len(templates.matrix),
        unit="row",
        delay=_BAR_AFTER_S,
        disable=None,
        leave=False,
    ) as bar:
        for row, vector in enumerate(templates.matrix):
            index.add_item(row, vector)
            bar.update()
        with ThreadPoolExecutor(1) as pool:
            # One thread: with more, the seed no longer fixes the trees.
            built: Future[bool] = pool.submit(index.build, trees, n_jobs=1)
            bar.set_postfix_str(f"{trees} trees")
            while not wait([built], _BAR_AFTER_S).done:
                bar.refresh()
        built.result()
    return index


def load_trees(path: Path, dimension: int) -> Trees:
    """Annoy's index of a file, mapped; only of a file whose hash was checked.

    Annoy records neither dimension nor metric and crashes on a damaged file.
    """
    index = _empty_index(dimension)
    # Annoy prints that a file is gone, which a newer index may have replaced.
    path.open("rb").close()
    index.load(str(path))
    return index


def _empty_index(dimension: int) -> Trees:
    """Annoy's own, without rows.

    Raises:
        NoAnnoy: it is not installed.
    """
    try:
        import annoy
    except ImportError as error:
        raise NoAnnoy(
            f"Annoy cannot be loaded ({error}): no search index is made, and everybody "
            "is compared exactly. To have one, run: pip install annoy (which takes a "
            "C++ compiler)."
        ) from error
    made: Trees = annoy.AnnoyIndex(dimension, "euclidean")
    return made


FORMAT_VERSION = 1
FOLDER = "snapshots"
METRIC = "euclidean"
# The newest, and one that another process may be reading.
KEPT = 2
# Another process may write into a folder while it is being deleted.
_DELETE_ATTEMPTS = 5
# Long enough for another process to delete what is half-written.
_WAIT_S = 60.0
MATRIX, PEOPLE, MASKED = "matrix.npy", "people.npy", "masked.npy"
ANNOY_FILE = "trees.ann"
MANIFEST = "manifest.json"
_FILES = (MANIFEST, MATRIX, PEOPLE, MASKED, ANNOY_FILE)
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
        trees.save(str(writing / ANNOY_FILE))
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
            "sha256": {file.name: sha256_of_file(file) for file in writing.iterdir()},
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
        for name in (MATRIX, PEOPLE, MASKED, ANNOY_FILE):
            if sha256_of_file(folder / name) != manifest["sha256"][name]:
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
        trees = load_trees(folder / ANNOY_FILE, matrix.shape[1])
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
