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
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.annoy_search import SEED, load_trees
from index.templates import Templates
from masking.errors import BadRecord

FORMAT_VERSION = 2
FOLDER = "generations"
METRIC = "euclidean"
# The newest, and one that another process may be reading.
KEPT = 2
# Another process may write into a folder while it is being deleted.
_DELETE_ATTEMPTS = 5
_ABANDONED_S = 3600.0
MATRIX, PEOPLE, MASKED, ANNOY, MANIFEST = (
    "matrix.npy",
    "people.npy",
    "masked.npy",
    "annoy.ann",
    "manifest.json",
)


@dataclass(frozen=True)
class AnnoyTuning:
    """How Annoy was set for a generation, and what that gave.

    Attributes:
        trees, search_k: as Annoy calls them.
        recall: share of probes whose nearest template Annoy finds; higher is better.
        annoy_ms, exact_ms: median time of a query, milliseconds.
        probes: how many were asked for.
        moved_by: what made probes of templates.
    """

    trees: int
    search_k: int
    recall: float
    annoy_ms: float
    exact_ms: float
    probes: int
    moved_by: str


@dataclass(frozen=True, eq=False)
class Generation:
    """A checked generation; `templates.matrix` is memory-mapped.

    Attributes:
        folder: where it lies.
        templates: what is searched.
        tuning: of Annoy; None when Annoy was not tried.
        trees_sha256: of Annoy's file; "" when there is none, as Annoy was not tried
            or missed too many.
    """

    folder: Path
    templates: Templates
    tuning: AnnoyTuning | None
    trees_sha256: str

    def check_trees(self) -> None:
        """Compare Annoy's file with its hash.

        Raises:
            BadRecord: there is no such file, or it is damaged.
        """
        path = self.folder / ANNOY
        try:
            if _sha256(path) != self.trees_sha256:
                raise BadRecord(f"{path}: damaged, its hash differs")
        except OSError as error:
            raise BadRecord(f"{path}: damaged ({error})") from error

    def open_trees(self) -> Any:
        """Annoy's index over the rows of the matrix, mapped, of a checked file.

        Raises:
            OSError: a removal swept it meanwhile.
        """
        return load_trees(self.folder / ANNOY, self.templates.matrix.shape[1])


def write_generation(
    gallery_folder: Path,
    templates: Templates,
    fingerprint: str,
    tuning: AnnoyTuning | None = None,
    trees: Any = None,
) -> Path:
    """Write the next generation, visible only when it is complete.

    Args:
        fingerprint: of the embedder of the templates.
        tuning: of Annoy, where it was tried.
        trees: Annoy's index of the templates; None to leave it out.

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
        np.save(writing / MASKED, templates.masked, allow_pickle=False)
        if trees is not None:
            trees.save(str(writing / ANNOY))
        manifest = {
            "format_version": FORMAT_VERSION,
            "gallery_id": templates.gallery_id,
            "gallery_version": templates.version,
            "fingerprint": fingerprint,
            "templates": len(templates.person_ids),
            "dimension": int(templates.matrix.shape[1]),
            "metric": METRIC,
            "seed": SEED,
            "annoy": asdict(tuning) if tuning else None,
            "sha256": {file.name: _sha256(file) for file in writing.iterdir()},
        }
        (writing / MANIFEST).write_text(json.dumps(manifest, indent=1))
        for file in writing.iterdir():
            file.chmod(0o600)
        # Of two with one version, the one with trees, made later, is the newer.
        token = f"{time.time_ns():020d}{writing.name.removeprefix('.writing-')}"
        final = writing.rename(home / f"{templates.version:012d}-{token}")
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise
    others = [path for path in generation_folders(gallery_folder) if path != final]
    # A removal in another process may sweep at the same time.
    with suppress(FileNotFoundError):
        _sweep(home, [final, *others[: KEPT - 1]])
    return final


def read_generation(folder: Path, gallery_id: str, fingerprint: str) -> Generation:
    """Open a generation after checking that it is whole and of this gallery.

    Raises:
        BadRecord: damaged, of another gallery, or of another embedder's vectors.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        names = ("format_version", "gallery_id", "fingerprint", "metric")
        found = tuple(manifest[name] for name in names)
        if found != (FORMAT_VERSION, gallery_id, fingerprint, METRIC):
            raise BadRecord(f"{folder}: belongs to another state of the gallery")
        hashes = manifest["sha256"]
        for name in (MATRIX, PEOPLE, MASKED):
            if _sha256(folder / name) != hashes[name]:
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
        record = manifest["annoy"]
        tuning = AnnoyTuning(**record) if record else None
        return Generation(folder, templates, tuning, hashes.get(ANNOY, ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecord(f"{folder}: damaged ({error})") from error


def generation_folders(gallery_folder: Path) -> list[Path]:
    """Complete generations, the newest first."""
    home = gallery_folder / FOLDER
    if not home.is_dir():
        return []
    names = [path for path in home.iterdir() if not path.name.startswith(".")]
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
