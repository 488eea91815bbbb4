"""What `augment` did, counted row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from masking.augment.manifest import ManifestRow
from masking.files.text import counted

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
