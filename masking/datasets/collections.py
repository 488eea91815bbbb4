"""Collections of photographs: a folder per person, CelebA, a .rec file, labels.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from masking.datasets.folders import (
    WHOLE,
    FolderNames,
    FoundFile,
    Shard,
    person_of,
    tell_passed_over,
    walk_pictures,
)
from masking.datasets.images import no_picture_in
from masking.datasets.recordio import SUFFIX, record_photos
from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.files.text import normal_form, read_lines, read_table

CELEBA_LIST = "identity_CelebA.txt"


@dataclass(frozen=True)
class Photo:
    """One photograph of a collection.

    Attributes:
        path: the file.
        identity: whose it is; the same for all photographs of a person, and "" in
            collections without names.
        photo_id: path within the collection, with "/": the photograph's name in
            manifests and the source of its random numbers.
        refused: why it is not used, such as a format that is not read; else "".
        wears_mask: labels.csv says that the person wears a mask, see `Collections`.
        collection: name of its folder, where there are several.
    """

    path: Path
    identity: str
    photo_id: str
    refused: str = ""
    wears_mask: bool = False
    collection: str = ""


class Collection:
    """All photographs of a folder, sorted by photo_id, listed again each time.

    A folder per person (LFW, VGGFace2, CASIA), see `person_of`. CelebA:
    `identity_CelebA.txt` beside or in the folder names the identity of every file.
    InsightFace: a .rec file in the folder is the collection.
    """

    def __init__(self, folder: Path, shard: Shard = WHOLE, unlabelled: bool = False):
        """
        Args:
            unlabelled: nobody has a name, wherever the photographs lie.

        Raises:
            MissingInput: no folder, no image, or no photo in a person's folder.
            BadRecord: the CelebA list or the .rec file is damaged.
        """
        if not folder.is_dir():
            raise MissingInput(
                f"{folder}: no such folder. Give a folder that holds photographs."
            )
        self._folder, self._shard, self._unlabelled = folder, shard, unlabelled
        self._celeba: dict[str, str] | None = None
        self._listing = folder
        self._records = find_record_file(folder)
        for listing in (folder / CELEBA_LIST, folder.parent / CELEBA_LIST):
            if listing.is_file():
                self._listing, self._celeba = listing, _identities(listing)
                break
        self._look_through()

    def _look_through(self) -> None:
        """Count, and warn of what may be meant in another way."""
        used = refused = self.count = 0
        names, passed_over = FolderNames(), list[str]()
        for photo in self._all(passed_over):
            used, refused = used + (not photo.refused), refused + bool(photo.refused)
            self.count += self._shard.takes(photo.photo_id)
            names.add(photo.photo_id)
        tell_passed_over(self._folder, passed_over)
        if not used:
            raise MissingInput(self._nothing(refused))
        if self._celeba is None and not self._unlabelled:
            names.warn(self._folder)

    def __len__(self) -> int:
        """Photographs of this shard when it was opened, the refused ones included."""
        return self.count

    def __iter__(self) -> Iterator[Photo]:
        return (photo for photo in self._all() if self._shard.takes(photo.photo_id))

    def _all(self, passed_over: list[str] | None = None) -> Iterator[Photo]:
        """All photographs; names of folders that are not entered are added."""
        if self._records is not None:
            for item in record_photos(self._records):
                photo = Photo(*item)
                yield replace(photo, identity="") if self._unlabelled else photo
            return
        for found in walk_pictures(self._folder):
            if not found.passed_over:
                yield self._photo(found)
            elif passed_over is not None:
                passed_over.append(found.name)

    def _photo(self, found: FoundFile) -> Photo:
        path, name = self._folder / found.name, PurePosixPath(found.name)
        if self._unlabelled:
            return Photo(path, "", found.name, found.problem)
        identity, refused = person_of(found.name), found.problem
        if not refused and self._celeba is not None:
            identity = self._celeba.get(normal_form(name.name), "")
            refused = "" if identity else f"{name}: not named in {self._listing.name}."
        elif not refused and not identity:
            refused = (
                f"{name}: lies in no person's folder. Expected FOLDER/NAME/photo.jpg"
            )
        return Photo(path, identity, found.name, refused)

    def _nothing(self, refused: int) -> str:
        if self._celeba is not None and refused:
            return f"{self._folder}: none of its images is named in {self._listing}."
        if refused:
            return (
                f"{self._folder}: {refused} images, none of which can be used as it "
                "lies. Expected a folder per person: FOLDER/NAME/photo.jpg"
            )
        return no_picture_in(self._folder)


class Collections:
    """Collections as one, with what their labels.csv say of masks.

    Of several, a photo_id begins with the name of its folder. People of one name are
    one person, whatever folder they are in.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        shard: Shard = WHOLE,
        unlabelled: Sequence[Path] = (),
    ):
        """
        Args:
            unlabelled: those of the folders in which nobody has a name.

        Raises:
            MissingInput, BadRecord: see `Collection` and `read_labels`.
            InvalidConfig: two folders have the same name.
        """
        named, nameless = by_name(folders), by_name(unlabelled)
        self._parts = {
            name: Collection(folder, shard, name in nameless)
            for name, folder in named.items()
        }
        self._masked = {name: _masked_in(folder) for name, folder in named.items()}

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def __iter__(self) -> Iterator[Photo]:
        several = len(self._parts) > 1
        # With its "/", as the ids of all photographs are sorted.
        for name in sorted(self._parts, key=lambda name: f"{name}/"):
            for photo in self._parts[name]:
                masked = photo.photo_id in self._masked[name]
                photo = replace(photo, wears_mask=masked)
                if several:
                    inner = f"{name}/{photo.photo_id}"
                    photo = replace(photo, photo_id=inner, collection=name)
                yield photo


def _masked_in(folder: Path) -> frozenset[str]:
    """The photo_ids on which a folder's labels.csv names a mask."""
    photos = read_labels(folder) if (folder / LABELS).is_file() else []
    return frozenset(photo.name for photo in photos if photo.masked)


def folders_of(source: Path | Sequence[Path]) -> Sequence[Path]:
    """One folder, or several, as several."""
    return [source] if isinstance(source, Path) else source


def by_name(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders of collections by their names.

    Raises:
        InvalidConfig: two have the same name.
    """
    # The working directory of another machine is another; "." has no name.
    found = {folder.absolute().resolve().name: folder.absolute() for folder in folders}
    if len(found) < len(folders):
        raise InvalidConfig(
            f"{', '.join(map(str, folders))}: two of these folders have the same name, "
            "which tells their photos apart. Rename one of them."
        )
    return found


def photo_path(folders: Sequence[Path], photo_id: str) -> Path:
    """The file of a photograph of `Collections`."""
    if len(folders) == 1:
        return folders[0] / photo_id
    name, _, inner = photo_id.partition("/")
    return by_name(folders)[name] / inner


def _identities(listing: Path) -> dict[str, str]:
    identities = {}
    lines = read_lines(listing, "a file name and an identity a line")
    for number, line in enumerate(lines, 1):
        parts = line.rsplit(None, 1)
        if not parts:
            continue
        if len(parts) != 2:
            raise BadRecord(
                f"{listing}, line {number}: found {line[:40]!r}, expected a file name "
                "and an identity."
            )
        identities[parts[0]] = parts[1]
    return identities


def find_record_file(folder: Path) -> Path | None:
    """The .rec file of a folder; None where there is none.

    Raises:
        BadRecord: several, of which only one can be meant.
    """
    found = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise BadRecord(
            f"{folder}: holds {names}. Expected one {SUFFIX} file a folder: move the "
            "others away."
        )
    return found[0] if found else None


LABELS = "labels.csv"
COLUMNS = ("person", "file", "mask")
NO_MASK = "no-mask"


@dataclass(frozen=True)
class LabelledPhoto:
    """One photograph of one known person.

    Attributes:
        path: the file.
        name: path relative to the folder, with "/": the same on every machine.
        person: whose face it shows.
        mask: kind of mask, NO_MASK without one.
    """

    path: Path
    name: str
    person: str
    mask: str = NO_MASK

    @property
    def masked(self) -> bool:
        """Whether the person wears a mask."""
        return self.mask != NO_MASK


def read_labels(folder: Path) -> list[LabelledPhoto]:
    """The rows of labels.csv: person, file (relative to the folder) and mask.

    Raises:
        MissingInput: no such table, no row, or a photograph is missing.
        BadRecord: a table that cannot be understood.
    """
    table = folder / LABELS
    photos = [
        _labelled(folder, row, where) for where, row in read_table(table, COLUMNS)
    ]
    missing = [photo for photo in photos if not photo.path.is_file()]
    if missing:
        raise MissingInput(
            f"{table}: {len(missing)} of {len(photos)} files are missing, first "
            f"{missing[0].name}. Put them back or remove their rows."
        )
    twice = [name for name, n in Counter(p.name for p in photos).items() if n > 1]
    if twice:
        raise BadRecord(f"{table}: {twice[0]} has two rows. Expected one a file.")
    if not photos:
        raise MissingInput(f"{table}: holds no row. Expected one a photograph.")
    return photos


def _labelled(folder: Path, row: dict[str, str], where: str) -> LabelledPhoto:
    person, file, mask = (row[column] for column in COLUMNS)
    if not all((person, file, mask)):
        raise BadRecord(f"{where}: empty field. Expected {', '.join(COLUMNS)}.")
    name = inner_name(file, where)
    return LabelledPhoto(folder / name, name, normal_form(person), mask)


def inner_name(file: str, where: str) -> str:
    """The name of a photograph in its folder, with "/".

    Raises:
        BadRecord: the path leaves the folder.
    """
    path = Path(file)
    if path.is_absolute() or ".." in path.parts:
        raise BadRecord(f"{where}: {file} leaves the folder. Expected a path in it.")
    return path.as_posix()
