"""Whose a photograph is: the first level of folders names the person."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from masking.files.shown_text import normal_form

_log = logging.getLogger(__name__)


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
