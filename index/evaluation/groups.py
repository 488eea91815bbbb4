"""Groups of people, such as by origin or age, whose figures stand side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from index.evaluation.protocol import Collection
from masking.errors import BadRecord
from masking.files.csv_tables import read_table
from masking.files.shown_text import normal_form

GROUPS = "groups.csv"


def groups_of(folder: Path, collection: Collection) -> list[Collection]:
    """A collection for each group of a folder's groups.csv; none without that file.

    People whom the table does not name are in no group.

    Args:
        collection: of the folder; lists of pairs have no groups.

    Raises:
        BadRecord: the table cannot be understood, or names nobody who is there.
    """
    table = folder / GROUPS
    if collection.listed is not None or not table.is_file():
        return []
    group_of = {
        normal_form(row["person"]): _checked(row["group"], where)
        for where, row in read_table(table, ("person", "group"))
    }
    present = [photo for photo in collection.photos if photo.person in group_of]
    if not present:
        raise BadRecord(
            f"{table}: none of the people whom it names is in {folder}. Expected the "
            "columns person and group, with the names of the folders."
        )
    names = sorted({group_of[photo.person] for photo in present})
    return [
        replace(
            collection,
            name=f"{collection.name}-{name}",
            photos=[photo for photo in present if group_of[photo.person] == name],
        )
        for name in names
    ]


def _checked(group: str, where: str) -> str:
    """A group's name, which becomes that of a folder.

    Raises:
        BadRecord: it is empty or would lead elsewhere.
    """
    if not group or group != Path(group).name or "\\" in group or group == "..":
        raise BadRecord(
            f"{where}: found the group {group!r}, expected a plain name such as east."
        )
    return group
