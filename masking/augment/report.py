"""What `augment` did: counted row by row, and shown on sheets of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from masking.augment.manifest import ManifestRow
from masking.datasets.collections import photo_path
from masking.datasets.images import read_rgb
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.files.model_files import font_file
from masking.files.text import counted
from masking.landmarks import FaceChip, Image, Landmarks
from masking.masks.spec import (
    KINDS,
    OCCLUDERS,
    RIGID_STYLES,
    WEARING_STYLES,
    MaskSpec,
    SpecConfig,
    draw_occluder,
    draw_specs,
    sample_rng,
)
from masking.rendering.parameters import RIGID
from masking.rendering.render import render

# Masked pictures that are remembered for the sheet; every second is forgotten when
# twice as many have come, so that they stay spread over the whole collection.
_REMEMBERED = 64


@dataclass(frozen=True)
class AugmentReport:
    """What `augment` did, as it is written to report.json.

    Attributes:
        photos: pictures of the collection, the skipped ones included.
        people: of whom there is at least one face.
        faces: photographs in which a face was found.
        chips, masked: files of unmasked and of masked chips.
        masked_photos: files of masked photographs.
        reused: photographs whose files were there from an earlier run.
        detectors: photographs by the stage that found their face.
        kinds, wearing_styles: synthetic masks by kind and by style.
        deleted: files of earlier runs that belong to nothing any more.
        skipped: photo_id to the reason why there is nothing of it.
        unread: those of `skipped` that could not be read.
    """

    photos: int
    people: int
    faces: int
    chips: int
    masked: int
    masked_photos: int
    reused: int
    detectors: dict[str, int]
    kinds: dict[str, int]
    wearing_styles: dict[str, int]
    deleted: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 when a picture could not be read, else 1 without any face, else 0."""
        return 2 if self.unread else 0 if self.faces else 1


@dataclass
class Tally:
    """Counts rows, in bounded memory but for the skipped ones and the names."""

    reused: int = 0
    deleted: int = 0
    _counts: Counter[str] = field(default_factory=Counter)
    _people: set[str] = field(default_factory=set)
    _detectors: Counter[str] = field(default_factory=Counter)
    _kinds: Counter[str] = field(default_factory=Counter)
    _wearing_styles: Counter[str] = field(default_factory=Counter)
    _skipped: dict[str, str] = field(default_factory=dict)
    _unread: list[str] = field(default_factory=list)
    _tiles: list[tuple[str, str]] = field(default_factory=list)
    _stride: int = 1
    _seen: int = 0

    def add(self, row: ManifestRow, was_known: bool) -> None:
        """Count one row, in the order of the collection."""
        self.reused += was_known
        self._counts["photos"] += 1
        if row.failure:
            self._skipped[row.photo_id] = row.failure
            self._unread += [row.photo_id] * row.unread
            return
        if row.identity:
            self._people.add(row.identity)
        self._detectors[row.detector] += 1
        self._counts["chips"] += bool(row.chip)
        self._counts["masked"] += len(row.masked)
        self._counts["masked_photos"] += len(row.photos)
        for kind, wearing_style in _worn(row):
            self._kinds[kind] += 1
            self._wearing_styles[wearing_style] += 1
        for file, caption in _pictures(row):
            self._remember(file, caption)

    def _remember(self, file: str, caption: str) -> None:
        if self._seen % self._stride == 0:
            self._tiles.append((file, caption))
        self._seen += 1
        if len(self._tiles) == 2 * _REMEMBERED:
            self._tiles = self._tiles[::2]
            self._stride *= 2

    def tiles(self, count: int) -> list[tuple[str, str]]:
        """Files and captions of at most `count` masked pictures, evenly spread."""
        last, chosen = len(self._tiles) - 1, min(count, len(self._tiles))
        if chosen < 2:
            return self._tiles[:chosen]
        return [self._tiles[last * step // (chosen - 1)] for step in range(chosen)]

    def report(self) -> AugmentReport:
        """What was counted."""
        return AugmentReport(
            photos=self._counts["photos"],
            people=len(self._people),
            faces=self._detectors.total(),
            chips=self._counts["chips"],
            masked=self._counts["masked"],
            masked_photos=self._counts["masked_photos"],
            reused=self.reused,
            detectors=dict(self._detectors),
            kinds=dict(self._kinds),
            wearing_styles=dict(self._wearing_styles),
            deleted=self.deleted,
            skipped=self._skipped,
            unread=self._unread,
        )


def _worn(row: ManifestRow) -> Iterator[tuple[str, str]]:
    """Kind and wearing style of each mask; chip and photo share the prominent one."""
    for item in row.masked:
        yield item.specs[0]["kind"], item.wearing_style
    for photo in row.photos:
        for worn in photo.worn:
            if worn.specs and not (row.masked and worn.face == 0):
                yield worn.specs[0]["kind"], worn.wearing_style


def _pictures(row: ManifestRow) -> Iterator[tuple[str, str]]:
    for item in row.masked:
        yield (
            item.file,
            f"{item.specs[0]['kind']}, {item.wearing_style.replace('_', ' ')}",
        )
    for photo in row.photos if not row.masked else []:
        faces = sum(1 for worn in photo.worn if worn.specs)
        yield photo.file, counted(faces, "face")


_TILE_GAP_PX = 8
_CAPTION_PX = 22


def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file()), size_px)


def contact_sheet(
    tiles: list[tuple[Image, str]], tile_px: int = 180, columns: int = 8
) -> Image:
    """Pictures in rows, (H, W, 3) uint8 RGB.

    Args:
        tiles: at least one picture (h, w, 3) with its caption; each is scaled
            to fit a square.
        tile_px: side of that square.
        columns: pictures in a row, at most.
    """
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = tile_px + _TILE_GAP_PX, tile_px + _CAPTION_PX + _TILE_GAP_PX
    size = (columns * step_x + _TILE_GAP_PX, rows * step_y + _TILE_GAP_PX)
    sheet = Pillow.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), _font(12)
    for number, (pixels, caption) in enumerate(tiles):
        left = _TILE_GAP_PX + number % columns * step_x
        top = _TILE_GAP_PX + number // columns * step_y
        picture = Pillow.fromarray(pixels)
        picture.thumbnail((tile_px, tile_px), Pillow.Resampling.LANCZOS)
        sheet.paste(picture, (left, top))
        draw.text((left, top + tile_px + 3), caption, fill="#333333", font=font)
    return np.array(sheet, dtype=np.uint8)


# Wanted `turn_of` of each pose; half is a head turned by about 30 degrees.
POSES = {"frontal": 0.0, "turned left": -0.5, "turned right": 0.5}
# Shows the ears, where straps end, and the neck.
_GEOMETRY = ChipGeometry(size_px=176, padding=0.42)
_GAP_PX, _LABEL_PX, _HEAD_PX = 4, 96, 48
_STEP = _GEOMETRY.size_px + _GAP_PX
_COLUMNS = len(WEARING_STYLES) * len(POSES)
# Faces with less distance between the eyes look coarse on the picture.
_GOOD_EYES_PX = 40.0


def turn_of(landmarks: Landmarks) -> float:
    """How far a head is turned: -1 to the left of the picture, 0 ahead, 1 right.

    The nose tip's distances from the two sides of the jaw, compared.
    """
    points = landmarks.points
    axis = points[16] - points[0]
    along = (points - points[0]) @ axis / float(axis @ axis + 1e-9)
    right, left = float(along[30] - along[0]), float(along[16] - along[30])
    return float(np.clip((right - left) / (right + left + 1e-9), -1, 1))


@dataclass
class PoseChoice:
    """The face of a collection that shows each pose best, chosen row by row."""

    best: dict[str, tuple[float, ManifestRow]] = field(default_factory=dict)

    def add(self, row: ManifestRow) -> None:
        """Consider one row, in the order of the collection; the first best wins."""
        if row.failure:
            return
        landmarks = Landmarks(np.array(row.landmarks, dtype=np.float32))
        small = max(0.0, 1 - landmarks.interocular_px / _GOOD_EYES_PX)
        for pose, wanted in POSES.items():
            badness = abs(turn_of(landmarks) - wanted) + small
            if pose not in self.best or badness < self.best[pose][0]:
                self.best[pose] = (badness, row)


def kinds_picture(sources: Sequence[Path], choice: PoseChoice) -> Image:
    """A row for each kind, a column for each style and pose, (H, W, 3) uint8 RGB.

    The last row shows what else covers faces. A style that a kind lacks is white.

    Args:
        sources: the collections that the rows of `choice` come from.
    """
    chips = {pose: _chip(sources, row) for pose, (_, row) in choice.best.items()}
    sheet = Pillow.new("RGB", (_left(_COLUMNS), _top(len(KINDS)) + _STEP), "white")
    for down, kind in enumerate(KINDS):
        _write_label(sheet, kind, 8, _top(down) + _STEP // 2 - 12)
        for across, wearing_style in enumerate(WEARING_STYLES):
            if kind not in RIGID or wearing_style in RIGID_STYLES:
                _paste(
                    sheet, chips, down, across, partial(worn_so, kind, wearing_style)
                )
    below = _top(len(KINDS))
    _write_label(sheet, "others", 8, below + _STEP // 2 - 12)
    for across, (wearing_style, kind) in enumerate(
        zip(WEARING_STYLES, OCCLUDERS, strict=True)
    ):
        left = _left(across * len(POSES))
        _write_label(sheet, wearing_style.replace("_", " "), left, 4)
        _write_label(sheet, kind, left, below - _HEAD_PX + 20)
        for number, pose in enumerate(POSES):
            column = _left(across * len(POSES) + number)
            _write_label(sheet, pose, column, _HEAD_PX - 20, size_px=12)
        _paste(sheet, chips, len(KINDS), across, partial(_occluded, kind))
    return np.array(sheet, dtype=np.uint8)


def _left(column: int) -> int:
    """Where a column starts; poses of one style stand closer together."""
    return _LABEL_PX + column * _STEP + column // len(POSES) * 2 * _GAP_PX


def _top(row: int) -> int:
    """Where a row starts; above the others there is a heading."""
    return _HEAD_PX + row * _STEP + (_HEAD_PX if row == len(KINDS) else 0)


def _write_label(
    sheet: Pillow.Image, text: str, left: int, top: int, size_px: int = 18
) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top), text, fill="#222222", font=_font(size_px))


def _paste(
    sheet: Pillow.Image,
    chips: dict[str, FaceChip],
    row: int,
    group: int,
    worn: Callable[[str], tuple[MaskSpec, ...]],
) -> None:
    """Render the poses of one kind and wearing style; each wears another such mask."""
    for number, pose in enumerate(POSES):
        if pose in chips:
            chip = chips[pose]
            rendered = render(chip.pixels, chip.landmarks, worn(pose)).pixels
            left = _left(group * len(POSES) + number)
            sheet.paste(Pillow.fromarray(rendered), (left, _top(row)))


def _occluded(kind: str, name: str) -> tuple[MaskSpec, ...]:
    occluder = draw_occluder(sample_rng(0, f"{kind}/{name}"), kind)
    return (*worn_so("surgical", "correct", name), occluder)


def worn_so(kind: str, wearing_style: str, name: str) -> tuple[MaskSpec, ...]:
    """A mask of this kind and wearing style, the first such that is drawn at random.

    Args:
        wearing_style: one that the kind can have.
        name: others give other masks.
    """
    config = SpecConfig(
        (kind,), wrongly_worn=0.0 if wearing_style == "correct" else 4.0
    )
    attempt = 0
    while True:
        rng = sample_rng(attempt, f"{kind}/{wearing_style}/{name}")
        specs = draw_specs(rng, config)
        if specs[0].wearing_style == wearing_style:
            return specs
        attempt += 1


def _chip(sources: Sequence[Path], row: ManifestRow) -> FaceChip:
    image = read_rgb(photo_path(sources, row.photo_id))
    landmarks = Landmarks(np.array(row.landmarks, dtype=np.float32))
    return crop_chip(image, landmarks, _GEOMETRY, row.photo_id)
