"""`augment`: photographs of people to chips, masked chips and a manifest."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from masking.alignment import ChipGeometry
from masking.augment_config import AugmentConfig
from masking.contact_sheet import contact_sheet
from masking.errors import InvalidConfig, UnreadableImage
from masking.face_finding import FaceFinder, bare_finder
from masking.image_files import (
    file_sha256,
    read_bytes,
    read_rgb,
    write_bytes,
    write_image,
)
from masking.landmarks import FaceChip
from masking.manifest import Journal, ManifestRow, MaskedFile, write_manifest
from masking.mask_rendering import render
from masking.mask_spec import SpecConfig, draw_specs, sample_rng
from masking.photo_collections import Photo, list_photos
from masking.photo_faces import photo_faces
from masking.stale_files import remove_stale_files
from masking.worker_pool import ordered_map, worker_count

# Training turns, shifts and scales chips; the margin fills what that uncovers.
MARGIN_PX = 25
CHIP_GEOMETRY = ChipGeometry().with_margin(MARGIN_PX)
PREVIEW_TILES = 48
CHIPS, MASKED = "chips", "masked"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AugmentReport:
    """What `augment` did, as it is written to report.json.

    Attributes:
        skipped: photo_id to the reason why it has no chip.
    """

    photos: int
    people: int
    chips: int
    masked: int
    reused: int
    detectors: dict[str, int]
    kinds: dict[str, int]
    wears: dict[str, int]
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 when there is anything to train on, else 1."""
        return 0 if self.chips else 1


def augment(
    source: Path,
    out: Path,
    config: AugmentConfig,
    make_finder: Callable[[], FaceFinder] = bare_finder,
) -> AugmentReport:
    """Cut and mask every face of a collection; goes on where it was interrupted.

    Args:
        source: a folder per person, or CelebA.
        out: gets chips/, masked/, manifest.jsonl, preview.png and report.json.

    Raises:
        MissingInput: nothing to read.
        InvalidConfig: an unknown mask kind, or `out` lies in `source`.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise InvalidConfig(
            f"{out}: lies in the folder of photographs {source}, so that painted "
            "masks would be taken for photographs. Choose another --workspace."
        )
    photos = list_photos(source)
    spec_config = SpecConfig(_kinds(config), config.wrong_wear)
    recorded = _recorded(config)
    journal = Journal(out, recorded, CHIP_GEOMETRY)
    known = {row.photo_id: row for row in journal.earlier_rows()}
    step = partial(_PhotoStep, out, config, spec_config, make_finder)
    tasks = ((photo, known.get(photo.photo_id)) for photo in photos)
    rows, reused = [], 0
    try:
        done = ordered_map(step, tasks, worker_count(config.workers))
        for row, was_known in _progress(done, len(photos)):
            rows.append(row)
            reused += was_known
            if not was_known:
                journal.add(row)
    finally:
        journal.close()
    write_manifest(out, recorded, CHIP_GEOMETRY, rows)
    remove_stale_files(out, (CHIPS, MASKED), rows)
    report = _report(rows, reused)
    write_bytes(out / "report.json", json.dumps(asdict(report), indent=2).encode())
    _write_preview(out, rows)
    return report


def _kinds(config: AugmentConfig) -> tuple[str, ...]:
    return tuple(kind.strip() for kind in config.kinds.split(","))


def _recorded(config: AugmentConfig) -> dict[str, Any]:
    """The options that decide the output: all but the number of processes."""
    kept = [item for item in fields(config) if item.metadata.get("records", True)]
    return {item.name: getattr(config, item.name) for item in kept}


def _progress(
    done: Iterator[tuple[ManifestRow, bool]], total: int
) -> Iterator[tuple[ManifestRow, bool]]:
    yield from tqdm(done, "augment", total, unit="photo", disable=None)


class _PhotoStep:
    """One photograph to its row and files; built once in each process."""

    def __init__(
        self,
        out: Path,
        config: AugmentConfig,
        specs: SpecConfig,
        make_finder: Callable[[], FaceFinder],
    ):
        self._out, self._config, self._specs = out, config, specs
        self._finder = make_finder()

    def __call__(self, task: tuple[Photo, ManifestRow | None]) -> tuple[Any, bool]:
        photo, known = task
        if known is not None and self._still_true(photo, known):
            return known, True
        return self._row(photo), False

    def _still_true(self, photo: Photo, row: ManifestRow) -> bool:
        files = [row.chip, *(item.file for item in row.masked)]
        if row.failure or not all((self._out / name).is_file() for name in files):
            return False
        try:
            return row.sha256 == file_sha256(read_bytes(photo.path))
        except UnreadableImage:
            return False

    def _row(self, photo: Photo) -> ManifestRow:
        found = photo_faces(photo.path, self._finder, CHIP_GEOMETRY)
        row = ManifestRow(photo.photo_id, photo.identity, found.sha256)
        if found.failure is not None:
            return ManifestRow(
                photo.photo_id, photo.identity, found.sha256, found.failure
            )
        face, chip = found.faces[0], found.chips[0]
        # Two photographs may differ in their suffix only: it stays in the name.
        stem = photo.photo_id
        chip_file = f"{CHIPS}/{stem}.jpg"
        write_image(self._out / chip_file, chip.pixels)
        return ManifestRow(
            row.photo_id,
            row.identity,
            row.sha256,
            detector=face.box.detector,
            faces=len(found.faces),
            landmarks=_rounded(face.landmarks.points),
            chip=chip_file,
            chip_landmarks=_rounded(chip.landmarks.points),
            masked=self._masked(photo, stem, chip),
        )

    def _masked(self, photo: Photo, stem: str, chip: FaceChip) -> list[MaskedFile]:
        files = []
        for number in range(self._config.variants):
            name = f"{MASKED}/{stem}-{number}.jpg"
            rng = sample_rng(self._config.seed, f"{photo.photo_id}#{number}")
            specs = draw_specs(rng, self._specs)
            sample = render(chip.pixels, chip.landmarks, specs)
            write_image(self._out / name, sample.pixels)
            files.append(MaskedFile(name, specs[0].to_json()))
        return files


def _rounded(points: np.ndarray[Any, Any]) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]


def _report(rows: list[ManifestRow], reused: int) -> AugmentReport:
    with_chip = [row for row in rows if not row.failure]
    specs = [item.spec for row in with_chip for item in row.masked]
    return AugmentReport(
        photos=len(rows),
        people=len({row.identity for row in with_chip}),
        chips=len(with_chip),
        masked=len(specs),
        reused=reused,
        detectors=dict(Counter(row.detector for row in with_chip)),
        kinds=dict(Counter(spec["kind"] for spec in specs)),
        wears=dict(Counter(spec["wear"] for spec in specs)),
        skipped={row.photo_id: row.failure for row in rows if row.failure},
    )


def _write_preview(out: Path, rows: list[ManifestRow]) -> None:
    """A sheet of masked chips, evenly from the whole collection."""
    specs = [
        (item.file, f"{item.spec['kind']}, {item.spec['wear'].replace('_', ' ')}")
        for row in rows
        for item in row.masked
    ]
    if not specs:
        return
    chosen = np.linspace(0, len(specs) - 1, min(PREVIEW_TILES, len(specs)))
    picked = [specs[int(index)] for index in chosen]
    tiles = [(read_rgb(out / file), caption) for file, caption in picked]
    write_image(out / "preview.png", contact_sheet(tiles))
