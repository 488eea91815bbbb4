"""Lists of people, as data sets publish them, and who is meant by them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from masking.augment.manifest import Manifest
from masking.errors import InvalidConfig, MissingInput
from masking.files.input_files import read_input


def read_names(path: Path) -> frozenset[str]:
    """Names of a text file: the first word of each line, numbers left out.

    Reads LFW's lists (peopleDevTrain.txt: a count, then "Name<TAB>photos") and
    plain ones.

    Raises:
        MissingInput: the file cannot be read or names nobody.
    """
    data = read_input(path, "a list of names")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MissingInput(
            f"{path}: not a list of names ({error}). Expected text in UTF-8."
        ) from error
    words = [line.split()[0] for line in lines if line.strip()]
    names = frozenset(word for word in words if not word.isdigit())
    if not names:
        raise MissingInput(f"{path}: names nobody. Expected one name a line.")
    return names


def select_people(
    manifest: Manifest, only: frozenset[str] | None, without: frozenset[str]
) -> Manifest:
    """The part of a manifest that shows certain people.

    Its SHA-256 covers the choice, so that nothing made from one choice is taken
    for another's.

    Raises:
        InvalidConfig: nobody is left.
    """
    if only is None and not without:
        return manifest
    present = {row.identity for row in manifest.rows}
    chosen = (present if only is None else present & only) - without
    rows = [row for row in manifest.rows if row.identity in chosen]
    if not rows:
        raise InvalidConfig(
            f"{manifest.folder}: none of its {len(present)} people is left by the "
            "lists of names. Compare their spelling with the folder names."
        )
    names = "\n".join(sorted(chosen)).encode("utf-8", "surrogatepass")
    digest = sha256(manifest.sha256.encode() + b"\n" + names).hexdigest()
    return replace(manifest, rows=rows, sha256=digest)
