"""Pictures below a folder, in the order of their names, without holding them all."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from masking.files.picture_kinds import looks_like_picture

_log = logging.getLogger(__name__)
# Thumbnails and waste bins of storage systems, archives and desktops.
SYSTEM_FOLDERS = frozenset(
    ["@eadir", "__macosx", "#recycle", "@recycle", "$recycle.bin", "lost+found"]
)


@dataclass(frozen=True)
class FoundFile:
    """One picture of a folder, or a folder in which none is looked for.

    Attributes:
        name: path below the folder, with "/".
        problem: why a folder of this name cannot be listed; "" otherwise.
        passed_over: it is one of SYSTEM_FOLDERS.
    """

    name: str
    problem: str = ""
    passed_over: bool = False


def walk_pictures(folder: Path) -> Iterator[FoundFile]:
    """All files below `folder` that look like pictures, read or not, sorted by name.

    Hidden ones are left out; SYSTEM_FOLDERS are told and not entered. Only the names
    of one folder at each depth are held: millions of files need no more memory than
    the largest folder. Links are followed, each folder once, so that a link to a
    folder above ends; one that is met without links is met there.
    """
    yield from _Walk(folder.resolve()).below(folder, "", linked=False)


def tell_passed_over(folder: Path, names: Sequence[str]) -> None:
    """Warn of the folders that were not entered."""
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        shown = ", ".join(names[:3])
        _log.warning("%s: passed over the system's %s%s", folder, shown, more)


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


def _sort_key(item: os.DirEntry[str]) -> str:
    return f"{item.name}/" if item.is_dir() else item.name
