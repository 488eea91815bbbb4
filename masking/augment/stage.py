"""`augment`: photographs of people to chips, masked chips and a manifest."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masking.augment.config import AugmentConfig
from masking.augment.journal import (
    Journal,
    all_records,
    merged_parts,
    part_file,
    partial_of,
    recorded_rows,
    remove_parts,
)
from masking.augment.manifest import (
    MANIFEST,
    ManifestRow,
    header_of,
    rows_of,
    write_manifest,
)
from masking.augment.photo_step import CHIP_GEOMETRY, CHIPS, MASKED, PHOTOS, PhotoStep
from masking.augment.report import (
    AugmentReport,
    PoseChoice,
    Tally,
    contact_sheet,
    kinds_picture,
)
from masking.datasets.collections import Collections, Photo, folders_of
from masking.datasets.folders import WHOLE, Shard, refuse_overlap
from masking.datasets.images import read_rgb, write_image
from masking.faces.finder import Finder, default_finder, unmasked_finder
from masking.files.writing import strict_json, sweep_unfinished, write_bytes
from masking.masks.patterns import list_textures
from masking.masks.spec import SpecConfig
from masking.workers import ordered_map, ray_map

PREVIEW_TILES = 48
FOLDERS = (CHIPS, MASKED, PHOTOS)


def augment(
    source: Path | Sequence[Path],
    out: Path,
    config: AugmentConfig,
    make_finder: Callable[[], Finder] = unmasked_finder,
    make_masked_finder: Callable[[], Finder] = default_finder,
    unlabelled: Sequence[Path] = (),
) -> AugmentReport:
    """Cut and mask every face of some collections; goes on where it was interrupted.

    The same photographs and options give the same bytes in any number of
    processes and parts. One part of several leaves its own record; `merge_parts`
    makes the manifest of all.

    Args:
        source: a collection, or several: a folder per person, CelebA, a .rec file.
        out: gets chips/, masked/ and photos/ as asked for, manifest.jsonl,
            preview.png and report.json.
        make_masked_finder: for photos on which labels.csv names a mask.
        unlabelled: folders of faces without names, in any layout.

    Raises:
        MissingInput: nothing to read.
        InvalidConfig: an unknown mask kind, or `out` and a source, or the folder of
            textures, lie in each other; or two sources have the same name.
    """
    sources = [*folders_of(source), *unlabelled]
    _refuse_overlaps(sources, out, config)
    shard, specs = config.part, spec_config(config)
    photos = Collections(sources, shard, unlabelled)
    record = part_file(out, MANIFEST, shard)
    header = header_of(_recorded(config, specs), CHIP_GEOMETRY)
    whole = [out / MANIFEST, partial_of(out / MANIFEST)]
    others = all_records(out) if shard.is_whole else whole
    journal = Journal(record, header, others)
    finders = (make_finder, make_masked_finder)
    step = partial(PhotoStep, out.absolute(), config, specs, *finders)
    tally, poses = _work_through(photos, journal, step, config)
    # A part knows of its own files alone.
    earlier = journal.records() if shard.is_whole else [record, partial_of(record)]
    tally.deleted = remove_stale_files(out, FOLDERS, earlier, journal.rows())
    journal.finish()
    if shard.is_whole:
        remove_parts(out)
    return write_results(out, shard, sources, tally, poses if config.preview else None)


def _refuse_overlaps(sources: Sequence[Path], out: Path, config: AugmentConfig) -> None:
    read = [*sources, Path(config.textures)] if config.textures else sources
    for folder in read:
        # Each of the written ones may be a link.
        for written in (out, *(out / name for name in FOLDERS)):
            refuse_overlap(folder, written)


def _work_through(
    photos: Collections,
    journal: Journal,
    step: Callable[[], PhotoStep],
    config: AugmentConfig,
) -> tuple[Tally, PoseChoice]:
    """Every photograph to its row, kept as soon as it is there."""
    tasks = with_known(photos, journal.earlier_rows())
    work = ray_map if config.ray else ordered_map
    made = work(step, tasks, config.workers)
    tally, poses = Tally(), PoseChoice()
    try:
        shown = tqdm(made, "augment", len(photos), unit="photo", disable=None)
        for row, was_known in shown:
            tally.add(row, was_known)
            poses.add(row)
            if was_known:
                journal.keep(row.photo_id)
            else:
                journal.add(row)
    finally:
        journal.close()
    return tally, poses


def spec_config(config: AugmentConfig) -> SpecConfig:
    """Which masks are drawn.

    Raises:
        InvalidConfig: an unknown kind, or a fraction out of range.
        MissingInput: no picture in the folder of textures.
    """
    kinds = tuple(kind.strip() for kind in config.kinds.split(","))
    textures = list_textures(Path(config.textures)) if config.textures else ()
    return SpecConfig(kinds, config.wrongly_worn, config.occluded, textures)


def _recorded(config: AugmentConfig, specs: SpecConfig) -> dict[str, Any]:
    """The options that decide the files; of textures the pictures themselves."""
    prints = [texture.sha256 for texture in specs.textures]
    return config.recorded() | {"textures": prints}


def merge_parts(
    source: Path | Sequence[Path], out: Path, preview: bool
) -> AugmentReport:
    """Make one manifest of the parts that `augment --shard` left in `out`.

    The files are those of one run over the whole collection. The parts stay: a
    part may be made again and merged again.

    Args:
        source: the collections, for the pictures of kinds.png.
        preview: whether to draw it.

    Raises:
        MissingInput: a part is not there.
        BadRecord: a part is damaged, or was made with other options.
    """
    header, rows = merged_parts(out)
    earlier = [out / MANIFEST, partial_of(out / MANIFEST)]
    deleted = remove_stale_files(out, FOLDERS, earlier, rows)
    write_manifest(out / MANIFEST, header, merged_parts(out)[1])
    earlier[1].unlink(missing_ok=True)
    tally, poses = Tally(deleted=deleted), PoseChoice()
    for row in rows_of(out / MANIFEST):
        tally.add(row, was_known=False)
        poses.add(row)
    chosen = poses if preview else None
    return write_results(out, WHOLE, folders_of(source), tally, chosen)


def with_known(
    photos: Iterable[Photo], rows: Iterator[ManifestRow]
) -> Iterator[tuple[Photo, ManifestRow | None]]:
    """Each photograph with its earlier row; both come in the order of photo_id."""
    row = next(rows, None)
    for photo in photos:
        while row is not None and row.photo_id < photo.photo_id:
            row = next(rows, None)
        known = row is not None and row.photo_id == photo.photo_id
        yield photo, row if known else None


def write_results(
    out: Path,
    shard: Shard,
    sources: Sequence[Path],
    tally: Tally,
    poses: PoseChoice | None,
) -> AugmentReport:
    """Report, sheet of what was made, and the picture of kinds when asked for."""
    report = tally.report()
    text = strict_json(asdict(report), indent=2)
    write_bytes(part_file(out, "report.json", shard), text.encode())
    tiles = tally.tiles(PREVIEW_TILES)
    if tiles:
        pictures = [(read_rgb(out / file), caption) for file, caption in tiles]
        write_image(part_file(out, "preview.png", shard), contact_sheet(pictures))
    if poses is not None:
        kinds = kinds_picture(sources, poses)
        write_image(part_file(out, "kinds.png", shard), kinds)
    return report


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
