"""Names of all files below a folder, in order, without holding them all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FoundFile:
    """One file of a folder.

    Attributes:
        name: path below the folder, with "/".
        problem: why a folder of this name cannot be listed; "" for a file.
    """

    name: str
    problem: str = ""


def walk_files(folder: Path) -> Iterator[FoundFile]:
    """All files below `folder`, sorted by name; hidden ones are left out.

    Only the names of one folder at each depth are held: millions of files need no
    more memory than the largest folder. Links are followed, each folder once, so
    that a link to a folder above ends; one that is met without links is met there.
    """
    yield from _Walk(folder.resolve()).below(folder, "", linked=False)


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
            reason = f"{name}: cannot be listed ({error.strerror or error})."
            yield FoundFile(name, reason)
            return
        # With its "/" a folder sorts among files as its contents do: the names of
        # the whole tree come out in the order of their characters.
        for item in sorted(found, key=_sort_key):
            name = prefix + _sort_key(item)
            if not name.endswith("/"):
                # A link to nothing is told by whoever reads it; a pipe or a device
                # would be read for ever.
                if item.is_file() or not Path(item.path).exists():
                    yield FoundFile(name)
                continue
            through_link = linked or item.is_symlink()
            if not through_link or self._is_new(Path(item.path).resolve()):
                yield from self.below(Path(item.path), name, through_link)

    def _is_new(self, real: Path) -> bool:
        """Whether a linked folder is met here first and nowhere without links."""
        if real.is_relative_to(self.root):
            parts = real.relative_to(self.root).parts
            if not any(part.startswith(".") for part in parts):
                return False
        if real in self.linked_to:
            return False
        self.linked_to.add(real)
        return True


def _sort_key(item: os.DirEntry[str]) -> str:
    return f"{item.name}/" if item.is_dir() else item.name
