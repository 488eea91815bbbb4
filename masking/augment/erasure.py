"""Takes people out of an augmented folder: rows, and all that was made of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from masking.augment.journal import all_records, partial_of, recorded_rows
from masking.augment.manifest import END, MANIFEST, record_of, sealed_line
from masking.augment.photo_step import CHIPS, MASKED, PHOTOS
from masking.augment.report import Tally
from masking.augment.stage import write_results
from masking.datasets.folders import WHOLE
from masking.files.writing import replaced_file, sweep_unfinished

_FOLDERS = (CHIPS, MASKED, PHOTOS)
# Sheets that show people, and counts that name photographs.
_SUMMARIES = ("preview*.png", "kinds*.png", "report*.json")

IsTheirs = Callable[[str, str], bool]


@dataclass
class _Found:
    """What the records say.

    Attributes:
        photo_ids: of the rows to take out.
        files: that these rows name.
        folders, others: where the photographs to take out, and the rest, come from.
    """

    photo_ids: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


def forget_people(out: Path, is_theirs: IsTheirs) -> bool:
    """Take people out of the records of a folder that `augment` filled.

    No `augment` may work there meanwhile. Its photographs are not touched: the next
    one brings back whom it finds among them.

    Args:
        is_theirs: whether a photograph is to be forgotten, by the identity and the
            SHA-256 of its file.

    Returns:
        Whether anything of them was there.

    Raises:
        OSError: something cannot be deleted or rewritten.
    """
    manifest = out / MANIFEST
    known = [manifest, partial_of(manifest), *all_records(out)]
    records = [path for path in known if path.is_file()]
    found = _looked_through(records, is_theirs)
    for folder in (out / name for name in _FOLDERS):
        # What a killed run wrote of somebody before any row.
        held = list(folder.iterdir()) if folder.is_dir() else []
        found.folders |= {path.name for path in held if is_theirs(path.name, "")}
    sweep_unfinished(out)
    if not (found.photo_ids or found.folders):
        return False
    _delete_files(out, found)
    for path in records:
        _rewrite(path, found.photo_ids)
    for pattern in _SUMMARIES:
        for path in out.glob(pattern):
            path.unlink()
    if manifest.is_file():
        tally = Tally()
        for row in recorded_rows(manifest):
            tally.add(row, was_known=True)
        write_results(out, WHOLE, [], tally, None)
    return True


def _looked_through(records: list[Path], is_theirs: IsTheirs) -> _Found:
    found = _Found()
    for row in (row for path in records for row in recorded_rows(path)):
        folder = row.photo_id.rpartition("/")[0]
        if is_theirs(row.identity, row.sha256):
            found.photo_ids.add(row.photo_id)
            found.files.update(row.files())
            found.folders.add(folder)
        else:
            found.others.add(folder)
    return found


def _delete_files(out: Path, found: _Found) -> None:
    for name in found.files:
        (out / name).unlink(missing_ok=True)
    for below in found.folders - found.others - {""}:
        for top in _FOLDERS:
            folder = out / top / below
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)


def _rewrite(path: Path, photo_ids: set[str]) -> None:
    """A record without some rows, and without half a line that a kill has left."""
    kept = 0
    with path.open("rb") as file, replaced_file(path) as rewritten:
        for line in file:
            try:
                record = record_of(line)
            except ValueError:
                continue
            if END in record:
                line = sealed_line({END: kept}).encode()
            if record.get("photo_id", record.get("kept")) not in photo_ids:
                kept += "photo_id" in record
                rewritten.write(line)
