"""Lists of people, as data sets publish them, and who is meant by them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from masking.augment.manifest import Manifest
from masking.errors import InvalidConfig, MissingInput
from masking.files.text import normal_form, read_lines

_SHOWN = 3
_log = logging.getLogger(__name__)


def read_names(path: Path) -> frozenset[str]:
    """Names of a text file: each line up to a tab.

    Reads plain lists and LFW's (peopleDevTrain.txt: a count, then "Name<TAB>photos").
    A number is a name like any other, but for that count.

    Raises:
        MissingInput: the file cannot be read or names nobody.
        BadRecord: it is no text in UTF-8.
    """
    lines = [line for line in read_lines(path, "one name a line") if line]
    if len(lines) > 1 and lines[0].isdecimal() and "\t" in lines[1]:
        del lines[0]
    names = frozenset(normal_form(line.split("\t")[0]) for line in lines) - {""}
    if not names:
        raise MissingInput(f"{path}: names nobody. Expected one name a line.")
    return names


def people_found(
    names: frozenset[str], present: Iterable[str], what: str, where: Path
) -> frozenset[str]:
    """Those of a list who are there, as `present` spells them; warns of the others.

    Args:
        names: as `read_names` gives them.
        present: people of a collection.
        what: the option that names the list, for messages.
        where: the collection, for messages.

    Raises:
        InvalidConfig: nobody of the list is there.
    """
    found = frozenset(person for person in present if normal_form(person) in names)
    absent = sorted(names - {normal_form(person) for person in found})
    if not absent:
        return found
    few = ", ".join(absent[:_SHOWN])
    more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
    if not found:
        raise InvalidConfig(
            f"{where}: nobody whom {what} lists is there, not {few}{more}. Compare "
            "their spelling with the folder names."
        )
    _log.warning(
        "%s: of %d people whom %s lists %d are not there: %s%s",
        *(where, len(names), what, len(absent), few, more),
    )
    return found


def select_people(
    manifest: Manifest, only: frozenset[str] | None, without: frozenset[str]
) -> Manifest:
    """The part of a manifest that shows certain people; faces without names stay.

    Its SHA-256 covers the choice, so that nothing made from one choice is taken
    for another's.

    Raises:
        InvalidConfig: a list names nobody who is there, or nobody is left.
    """
    if only is None and not without:
        return manifest
    chosen = present = frozenset(row.identity for row in manifest.rows) - {""}
    if only is not None:
        chosen = people_found(only, present, "--only", manifest.folder)
    if without:
        chosen -= people_found(without, present, "--without", manifest.folder)
    if not chosen:
        raise InvalidConfig(
            f"{manifest.folder}: none of its {len(present)} people is left by the "
            "lists of names. Expected somebody whom --without does not list."
        )
    rows = [row for row in manifest.rows if row.identity in chosen | {""}]
    names = "\n".join(sorted(chosen)).encode("utf-8", "surrogatepass")
    digest = sha256(manifest.sha256.encode() + b"\n" + names).hexdigest()
    return replace(manifest, rows=rows, sha256=digest)
