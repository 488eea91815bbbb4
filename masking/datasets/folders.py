"""Folders of pictures: names in order, people, shards; and what is written, apart."""

from __future__ import annotations

import logging
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masking.errors import InvalidConfig
from masking.files.text import normal_form

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".bmp", ".webp", ".tif", ".tiff"]
)
# Pictures that are not read: they are named, not passed over. Raw files are TIFFs
# whose first picture is a small preview.
OTHER_SUFFIXES = frozenset(
    (".gif", ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".psd")
) | frozenset((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"))
# Videos are told, not read: each is given by its own name.
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv")
) | frozenset((".3gp", ".mts", ".ogv"))
_HEAD_BYTES = 16
_BEGINNINGS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF, small end first
    b"MM\0*",
    b"8BPS",  # Photoshop
    b"\0\0\0\x0cjP  ",  # JPEG 2000
    b"\0\0\0\x0cJXL ",
    b"\xff\x0a",  # JPEG XL without a container
)
# What follows a length and "ftyp" in HEIF's family; videos have other brands.
_BRANDS = frozenset([b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"])


def looks_like_picture(path: Path) -> bool:
    """Whether a file has a picture's suffix or begins as a picture does."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or suffix in OTHER_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    if head.startswith(_BEGINNINGS):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    # Two letters are few: the reserved bytes of a BMP are zero.
    if head[:2] == b"BM":
        return head[6:10] == b"\0\0\0\0"
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


_log = logging.getLogger(__name__)
# Thumbnails and waste bins of storage systems, archives and desktops.
SYSTEM_FOLDERS = frozenset(
    ["@eadir", "__macosx", "#recycle", "@recycle", "$recycle.bin", "lost+found"]
)


@dataclass(frozen=True)
class FoundFile:
    """One picture of a folder, a video, or a folder in which none is looked for.

    Attributes:
        name: path below the folder, with "/".
        problem: why a folder of this name cannot be listed; "" otherwise.
        passed_over: it is a video or one of SYSTEM_FOLDERS.
    """

    name: str
    problem: str = ""
    passed_over: bool = False


def walk_pictures(folder: Path) -> Iterator[FoundFile]:
    """All files below `folder` that look like pictures, read or not, sorted by name.

    Hidden ones are left out; videos and SYSTEM_FOLDERS are told and not entered. Only
    the names of one folder at each depth are held: millions of files need no more
    memory than the largest folder. Links are followed, each folder once, so that a
    link to a folder above ends; one that is met without links is met there.
    """
    yield from _Walk(folder.resolve()).below(folder, "", linked=False)


def tell_passed_over(folder: Path, names: Sequence[str]) -> None:
    """Warn of videos, and of folders that were not entered."""
    videos = [name for name in names if _is_video(name)]
    systems = [name for name in names if not _is_video(name)]
    if systems:
        _log.warning("%s: passed over the system's %s", folder, _few(systems))
    if videos:
        _log.warning(
            "%s: passed over %s. Give a video to identify by its own name.",
            folder,
            _few(videos),
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


@dataclass(frozen=True)
class _Walk:
    root: Path
    linked_to: set[Path] = field(default_factory=set)

    def below(self, folder: Path, prefix: str, linked: bool) -> Iterator[FoundFile]:
        try:
            with os.scandir(folder) as entries:
                found = [item for item in entries if not item.name.startswith(".")]
        except OSError as error:
            name = prefix.rstrip("/")
            shown = name or str(folder)
            reason = f"{shown}: cannot be listed ({error.strerror or error})."
            yield FoundFile(name, reason)
            return
        # With its "/" a folder sorts among files as its contents do: the names of
        # the whole tree come out in the order of their characters.
        for item in sorted(found, key=_sort_key):
            name = prefix + _sort_key(item)
            if not name.endswith("/"):
                if _is_picture(item):
                    yield FoundFile(name)
                elif _is_video(name) and item.is_file():
                    yield FoundFile(name, passed_over=True)
            elif item.name.lower() in SYSTEM_FOLDERS:
                yield FoundFile(name.rstrip("/"), passed_over=True)
            else:
                through_link = linked or item.is_symlink()
                if not through_link or self._is_new(Path(item.path).resolve()):
                    yield from self.below(Path(item.path), name, through_link)

    def _is_new(self, real: Path) -> bool:
        """Whether a linked folder is met here first and nowhere without links."""
        if real.is_relative_to(self.root):
            parts = real.relative_to(self.root).parts
            if not any(_is_left_out(part) for part in parts):
                return False
        if real in self.linked_to:
            return False
        self.linked_to.add(real)
        return True


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def _is_picture(item: os.DirEntry[str]) -> bool:
    path = Path(item.path)
    # A link to nothing is told by whoever reads it; a pipe or a device would be
    # read for ever.
    return (item.is_file() or not path.exists()) and looks_like_picture(path)


def _is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def _sort_key(item: os.DirEntry[str]) -> str:
    return f"{item.name}/" if item.is_dir() else item.name


def person_of(name: str) -> str:
    """The person of a file, from its path below the collection, with "/".

    Whatever is deeper, such as NAME/2020/1.jpg, is theirs too. Folders whose names
    differ in their Unicode form or by outer blanks are one person's.

    Returns:
        "" for a file that lies in no folder.
    """
    first, deeper, _ = name.partition("/")
    return normal_form(first) if deeper else ""


@dataclass
class FolderNames:
    """The folders of a collection, remembered to warn of names that mislead."""

    _people: set[str] = field(default_factory=set)
    _deeper: dict[str, str] = field(default_factory=dict)

    def add(self, name: str) -> None:
        """Note the path of one file below the collection."""
        person = person_of(name)
        self._people.add(person)
        if name.count("/") > 1:
            self._deeper.setdefault(person, name.rpartition("/")[0])

    def warn(self, folder: Path) -> None:
        """Tell of people who may be one, and of one who may be several."""
        spellings: defaultdict[str, list[str]] = defaultdict(list)
        for person in sorted(self._people):
            spellings[person.casefold()].append(person)
        alike = [names for names in spellings.values() if len(names) > 1]
        if alike:
            _log.warning(
                "%s: %d names differ in capital letters only and are taken for "
                "different people, such as %s",
                *(folder, len(alike), " and ".join(alike[0])),
            )
        if self._deeper:
            person, deeper = next(iter(self._deeper.items()))
            _log.warning(
                "%s: %d people have folders in theirs; all photographs below are "
                "taken for the same person's, such as %s for %s",
                *(folder, len(self._deeper), deeper, person),
            )


def refuse_overlap(read: Path, written: Path) -> None:
    """Links are followed: what counts is where the folders really lie.

    Args:
        read: folder of photographs.
        written: folder that gets pictures, which may not be there yet.

    Raises:
        InvalidConfig: one of them lies in the other, or they are one.
    """
    refuse_inside(read, written)
    if read.resolve().is_relative_to(written.resolve()):
        raise InvalidConfig(
            f"{read}: lies in {written}, where pictures are written and replaced. "
            "Expected photographs in a folder of their own: move them, or write "
            "elsewhere."
        )


def refuse_inside(read: Path, written: Path) -> None:
    """Half of `refuse_overlap`, for what is read alone.

    Raises:
        InvalidConfig: `written` lies in the folder `read`, or they are one.
    """
    if read.is_dir() and written.resolve().is_relative_to(read.resolve()):
        raise InvalidConfig(
            f"{written}: lies in the folder of photographs {read}, so that pictures "
            "made here would be taken for photographs. Choose a place beside it."
        )


def refuse_picture(written: Path) -> None:
    """A photograph in the place of a table or a model is a slip of the hand.

    Raises:
        InvalidConfig: the file to write is named like a photograph.
    """
    if written.suffix.lower() in SUFFIXES | OTHER_SUFFIXES:
        raise InvalidConfig(
            f"{written}: is named like a photograph, which would be replaced. Expected "
            "the name of the file to write."
        )


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, both from 1.

    A photograph's part follows from its name alone: machines need not talk, and
    new photographs move no old ones.
    """

    number: int = 1
    count: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole collection."""
        return self.count == 1

    def takes(self, photo_id: str) -> bool:
        """Whether a photograph belongs to this part."""
        name = photo_id.encode("utf-8", "surrogatepass")
        return zlib.crc32(name) % self.count == self.number - 1


WHOLE = Shard()


def shard_from(text: str) -> Shard:
    """The part that "I/N" means, I from 1 to N.

    Raises:
        InvalidConfig: anything else.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is not None:
        number, count = int(found[1]), int(found[2])
        if 1 <= number <= count:
            return Shard(number, count)
    raise InvalidConfig(
        f"shard must be I/N with I from 1 to N, such as 2/8; got {text!r}"
    )
