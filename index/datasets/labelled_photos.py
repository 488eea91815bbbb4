"""Reads what is evaluated: photographs, who is on them, and who wears a mask."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from masking.datasets.collections import Collection
from masking.datasets.labels import COLUMNS, LABELS, LabelledPhoto, read_labels
from masking.errors import BadRecord, MissingInput
from masking.files.text import normal_form, read_lines


def read_labelled_photos(
    folder: Path, people_file: Path | None = None
) -> list[LabelledPhoto]:
    """The photographs of a folder, by its labels.csv or by a folder per person.

    Args:
        people_file: keep only the people of this LFW protocol file, such as
            peopleDevTest.txt; None keeps all.

    Raises:
        MissingInput: folder, file or listed photographs are missing.
        BadRecord: labels or people file that cannot be understood.
    """
    if (folder / LABELS).is_file():
        photos = read_labels(folder)
    else:
        photos = read_person_folders(folder)
    return photos if people_file is None else only_people(photos, people_file)


def read_person_folders(folder: Path) -> list[LabelledPhoto]:
    """The photographs of a `Collection`.

    Raises:
        MissingInput: no folder, or no photograph.
        BadRecord: some of them are nobody's, or cannot be listed.
    """
    photos = list(Collection(folder))
    refused = [photo.refused for photo in photos if photo.refused]
    if refused:
        raise BadRecord(
            f"{folder}: {len(refused)} pictures cannot be used, such as {refused[0]}, "
            f"or a {LABELS} with columns {', '.join(COLUMNS)}."
        )
    return [LabelledPhoto(p.path, p.photo_id, p.identity) for p in photos]


def read_people(people_file: Path) -> dict[str, int]:
    """People of an LFW protocol file and how many photographs each has.

    The file holds a line with the number of people, then NAME<tab>COUNT lines.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: another format, or a number of people that does not fit.
    """
    lines = read_lines(people_file, "a list of people")
    rows = [line.split("\t") for line in lines if line]
    header, body = rows[:1], rows[1:]
    fits = all(len(row) == 2 and row[1].strip().isdecimal() for row in body)
    if not header or header[0] != [str(len(body))] or not body or not fits:
        raise BadRecord(
            f"{people_file}: not a list of people. Expected the number of people, "
            "then one NAME<tab>PHOTOGRAPHS a line, like LFW's peopleDevTest.txt."
        )
    return {normal_form(name): int(count) for name, count in body}


def only_people(photos: list[LabelledPhoto], people_file: Path) -> list[LabelledPhoto]:
    """The photographs of the listed people.

    Raises:
        MissingInput: fewer photographs of somebody than the list says; leaving
            them out would make the figures those of another test.
    """
    listed = read_people(people_file)
    kept = [photo for photo in photos if normal_form(photo.person) in listed]
    found = Counter(normal_form(photo.person) for photo in kept)
    short = [name for name, count in listed.items() if found[name] < count]
    if short:
        raise MissingInput(
            f"{people_file}: {len(short)} of its {len(listed)} people have fewer "
            f"photographs than listed, first {short[0]} ({found[short[0]]} of "
            f"{listed[short[0]]}). Give the folder that the list was made for."
        )
    return kept
