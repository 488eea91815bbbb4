"""Checks a gallery: its file, every embedding, its search index, both engines."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.engines.annoy_index import (
    AnnoySearch,
    Snapshot,
    Trees,
    drop_snapshots,
    read_snapshot,
    search_k_of,
    snapshot_folders,
)
from index.engines.neighbours import ExactSearch, NeighbourSearch, Templates
from index.gallery.gallery import Gallery, open_gallery
from index.gallery.storage.store import GalleryStore, seal
from index.search.open_search import build_snapshot, current_snapshot
from masking.errors import BadRecord, ToolkitError
from masking.files.text import counted
from masking.landmarks import Float32

QUERIES = 1000
_SEED = 1
_ROWS_AT_ONCE = 10_000
_CHIPS_AT_ONCE = 500
_SHOWN = 5
# Means are summed in another order, and rounded to float32.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class VerifyReport:
    """What was found.

    Attributes:
        people, photos: in the gallery; 0 when its file is damaged.
        snapshots: folders of search files that were checked.
        problems: one line each; none when all is well. Damaged search files are
            listed here although they are built again at once.
        search: both engines; None when nobody is enrolled or the data is damaged.
    """

    people: int
    photos: int
    snapshots: int
    problems: tuple[str, ...]
    search: SearchFigures | None

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_gallery(folder: Path, queries: int = QUERIES) -> VerifyReport:
    """Check all that can be checked; changes nothing but derived search files.

    Args:
        queries: moved templates on which the engines are compared.

    Raises:
        MissingInput: there is no gallery.
        BadRecord: the file is no gallery or cannot even be opened.
    """
    with closing(GalleryStore(folder)) as store:
        problems = list(_file_problems(store))
        if problems:
            return VerifyReport(0, 0, 0, tuple(problems), None)
        with store.snapshot():
            problems += _row_problems(store)
            people = int(store.read("SELECT COUNT(*) FROM people")[0][0])
            photos = int(store.read("SELECT COUNT(*) FROM photos")[0][0])
    folders = snapshot_folders(folder)
    if problems:
        return VerifyReport(people, photos, 0, tuple(problems), None)
    with open_gallery(folder) as gallery:
        problems += _snapshot_problems(gallery, folders)
        search = None
        if people:
            try:
                found = current_snapshot(gallery)
                search = measure_search(
                    found.templates, found.trees, gallery.dimension, queries, _SEED
                )
            except OSError as error:
                # Then nobody expects any.
                if not gallery.store.read_only:
                    problems.append(f"search files cannot be written: {error}")
    return VerifyReport(people, photos, len(folders), tuple(problems), search)


def is_sound(folder: Path) -> bool:
    """Whether a gallery's file can be opened and all that it stores is as it was."""
    try:
        with closing(GalleryStore(folder)) as store:
            return not any(_file_problems(store)) and not any(_row_problems(store))
    except ToolkitError:
        return False


def rebuild_snapshot(gallery: Gallery) -> Snapshot:
    """Delete all search files and build them from the database.

    Raises:
        MissingInput: nobody is enrolled.
        ToolkitError: the folder cannot be written.
    """
    try:
        drop_snapshots(gallery.folder)
        return build_snapshot(gallery)
    except OSError as error:
        raise ToolkitError(
            f"{gallery.folder}: the search files cannot be written "
            f"({error.strerror or error}). Check that the folder is writable and the "
            "disk is not full."
        ) from error


def _file_problems(store: GalleryStore) -> Iterator[str]:
    try:
        for (line,) in store.read("PRAGMA integrity_check"):
            if line != "ok":
                yield f"{store.path}: {line}"
        for table, row, other, _ in store.read("PRAGMA foreign_key_check"):
            yield f"{store.path}: row {row} of {table} belongs to no row of {other}"
    except BadRecord as error:
        yield str(error)


def _row_problems(store: GalleryStore) -> Iterator[str]:
    """Damaged chips, photos without an embedding, and embeddings of no use."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    lost = "SELECT id FROM photos WHERE id NOT IN (SELECT photo_id FROM embeddings)"
    found["with no embedding"] = [row[0] for row in store.read(lost)]
    fingerprint, dimension = store.meta("fingerprint"), int(store.meta("dimension"))
    query = """SELECT person_id, sha256, masked, vector, embeddings.seal, photo_id,
        fingerprint, dimension FROM embeddings JOIN photos ON photos.id = photo_id"""
    for rows in store.read_parts(query, _ROWS_AT_ONCE):
        for *sealed, photo_id, made_by, stated in rows:
            if made_by != fingerprint:
                found["with another embedder's vector"].append(photo_id)
            elif fault := _fault(sealed, dimension) or (
                f"not {dimension} long" if stated != dimension else ""
            ):
                found[f"with an embedding that is {fault}"].append(photo_id)
    query = """SELECT person_id, sha256, masked, vector, masked_references.seal,
        photo_id FROM masked_references JOIN photos ON photos.id = photo_id"""
    for rows in store.read_parts(query, _ROWS_AT_ONCE):
        for *sealed, photo_id in rows:
            if fault := _fault(sealed, dimension):
                found[f"with a masked reference that is {fault}"].append(photo_id)
    query = "SELECT person_id, sha256, masked, chip, seal, id FROM photos"
    for rows in store.read_parts(query, _CHIPS_AT_ONCE):
        for person, sha256, masked, chip, kept, photo_id in rows:
            if seal(person, sha256, masked, chip) != kept:
                found["with a chip that is damaged: its checksum differs"].append(
                    photo_id
                )
    for what, photo_ids in found.items():
        if photo_ids:
            shown = ", ".join(map(str, photo_ids[:_SHOWN]))
            more = ", ..." if len(photo_ids) > _SHOWN else ""
            yield f"{counted(len(photo_ids), 'photo')} {what} (numbers {shown}{more})"


def _fault(row: Sequence[Any], dimension: int) -> str:
    """What the vector of a `SealedRow` is that is of no use; "" for a good one."""
    person_id, sha256, masked, vector, kept = row
    if len(vector) != 4 * dimension:
        return f"not {dimension} long"
    values = np.frombuffer(vector, dtype="<f4")
    if not np.isfinite(values).all():
        return "not finite"
    if seal(person_id, sha256, masked, vector) != kept:
        return "damaged: its checksum differs"
    return ""


def _snapshot_problems(gallery: Gallery, folders: list[Path]) -> Iterator[str]:
    """Damage, and search files that differ from the database; old ones may."""
    templates = gallery.templates()
    for folder in folders:
        try:
            found = read_snapshot(folder, gallery.gallery_id, gallery.fingerprint)
        except BadRecord as error:
            # Swept since they were listed, by a removal in another process.
            if folder.exists():
                yield str(error)
            continue
        rows = found.templates
        if rows.version == templates.version and not (
            np.array_equal(rows.person_ids, templates.person_ids)
            and np.array_equal(rows.masked, templates.masked)
            and np.allclose(rows.matrix, templates.matrix, rtol=0, atol=_TOLERANCE)
        ):
            yield f"{folder}: differs from the database"


# A masked probe lies this many spreads (median distance of a template from the mean
# of all) from its person's template: python -m benchmarks.shared.embedding_spread
PROBE_MOVE = 1.0
# Distances that differ by rounding are the same distance.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class SearchFigures:
    """Both engines on the same probes.

    Attributes:
        templates: that were searched.
        probes: templates moved as a mask moves an embedding.
        recall: fraction of probes, in [0, 1], for which Annoy's nearest person is as
            near as the nearest by exact search; higher is better.
        exact_ms, annoy_ms: median time of a search, milliseconds.
    """

    templates: int
    probes: int
    recall: float
    exact_ms: float
    annoy_ms: float


def measure_search(
    templates: Templates, trees: Trees, dimension: int, probes: int, seed: int
) -> SearchFigures:
    """Ask both engines for the nearest person of moved templates.

    Args:
        templates: at least one.
        trees: Annoy's index of them.
        dimension: of a face's vector, see `probes_of`.
        probes: how many, at least 1; with as many as there are templates, each is
            asked for.
        seed: of the order and the moves.
    """
    rows = len(templates.matrix)
    exact = ExactSearch(templates)
    annoy = AnnoySearch(templates, trees, search_k_of(rows))
    asked = probes_of(templates.matrix, dimension, probes, seed)
    return SearchFigures(
        templates=rows,
        probes=probes,
        recall=recall_of(annoy, asked, exact.nearest_rows(asked)[1]),
        exact_ms=median_ms(exact, asked),
        annoy_ms=median_ms(annoy, asked),
    )


def recall_of(search: NeighbourSearch, probes: Float32, truth: Float32) -> float:
    """Fraction of probes for which a search finds somebody as near as the nearest.

    Args:
        truth: (n,) distances of the nearest templates.
    """
    found = 0
    for probe, distance in zip(probes, truth, strict=True):
        answer = search.nearest(probe, 1)
        limit = distance * (1 + _ROUNDING)
        found += bool(answer and answer[0].distance <= limit)
    return found / len(probes)


def median_ms(search: NeighbourSearch, probes: Float32) -> float:
    """Median time of a search for one person, milliseconds."""
    seconds = np.empty(len(probes))
    for number, probe in enumerate(probes):
        started = time.perf_counter()
        search.nearest(probe, 1)
        seconds[number] = time.perf_counter() - started
    return float(1000 * np.median(seconds))


def probes_of(matrix: Float32, dimension: int, count: int, seed: int) -> Float32:
    """(count, L) probes: templates, each moved as a mask moves an embedding.

    Every template is asked for in turn, moved PROBE_MOVE spreads in the direction of
    the difference of two people. Noise in all directions alike would be far too easy:
    masks move embeddings along the axes in which people differ (of 100,000 people,
    Annoy with 8 trees and search_k 4,000 finds 89% under masks, 99% under noise).

    Args:
        matrix: (R, L) templates.
        dimension: of a face's vector, with which a row begins; the rest of a probe
            is 0, see `normalised_query`.
    """
    rng = np.random.default_rng(seed)
    rows = np.resize(rng.permutation(len(matrix)), count)
    start = matrix[rows, :dimension].astype(np.float64)
    spread = np.median(np.linalg.norm(start - start.mean(axis=0), axis=1))
    one, other = rng.integers(0, len(matrix), (2, count))
    # Next to nothing keeps a person's difference to themselves from being none.
    between = matrix[one, :dimension] - matrix[other, :dimension]
    between = between + 1e-6 * rng.standard_normal(start.shape)
    between *= PROBE_MOVE * spread / np.linalg.norm(between, axis=1, keepdims=True)
    probes = np.zeros((count, matrix.shape[1]), dtype=np.float32)
    probes[:, :dimension] = start + between
    return probes
