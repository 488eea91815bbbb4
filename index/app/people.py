"""The people of an open gallery, as the local page lists and changes them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from index.gallery.erasure import Erasure, erase_people, erase_photos
from index.gallery.gallery import Gallery
from index.gallery.storage.store import Terms, checked_name
from index.gallery.transfers import merge_people, move_photos
from index.search.open_search import refresh_snapshot
from masking.files.text import normal_form

Record = dict[str, Any]


def people_records(gallery: Gallery) -> list[Record]:
    """Everybody by name, as `gallery list --json`."""
    expired = frozenset(gallery.expired(date.today()))
    return [
        asdict(person) | {"expired": person.name in expired}
        for person in gallery.people()
    ]


def photo_records(gallery: Gallery, name: str) -> list[Record]:
    """The photos of a person by number, as `gallery show --json`.

    Raises:
        MissingInput: nobody has that name.
    """
    return [asdict(photo) for photo in gallery.photos(name)]


def export(gallery: Gallery, name: str) -> dict[str, bytes]:
    """What is stored of a person as files: their faces, and all else as person.json.

    The embeddings, which are made of the faces, stay.

    Raises:
        MissingInput: nobody has that name.
        BadRecord: a photo is damaged.
    """
    photos = [
        photo | {"file": f"{photo['number']}.jpg"}
        for photo in photo_records(gallery, name)
    ]
    files = {
        photo["file"]: gallery.chip_file(name, photo["number"]) for photo in photos
    }
    whose = normal_form(name)
    (person,) = (one for one in people_records(gallery) if one["name"] == whose)
    record = json.dumps(person | {"photos": photos}, indent=1, ensure_ascii=False)
    return files | {"person.json": record.encode()}


def change(gallery: Gallery, name: str, new_name: str, terms: Terms) -> Record:
    """Give a person another name or other terms: the name, as it is stored.

    Args:
        new_name: "" leaves the name as it is.
        terms: what says nothing stays as it is.

    Raises:
        MissingInput: nobody has the name.
        NameTaken, InvalidConfig: as `Gallery.rename`.
    """
    gallery.set_terms([name], terms)
    if new_name:
        gallery.rename(name, new_name)
    return {"name": checked_name(new_name or name)}


def erase(gallery: Gallery, name: str, numbers: list[int] | None = None) -> Record:
    """Erase a person, or some of their photos: how many, and what could not forget.

    Raises:
        MissingInput: nobody has that name.
        InvalidConfig: no such photos, or all that the person has.
    """
    erasure: Erasure = (
        erase_people(gallery.store, [name])
        if numbers is None
        else erase_photos(gallery.store, name, numbers)
    )
    _refresh(gallery)
    return asdict(erasure)


def move(gallery: Gallery, name: str, number: int, other: str) -> Record:
    """Give a photo to somebody else who is enrolled.

    Raises:
        MissingInput, InvalidConfig, BadRecord: as `move_photos`.
    """
    moved = move_photos(gallery.store, name, [number], other)
    _refresh(gallery)
    return {"moved": moved}


def merge(gallery: Gallery, name: str, other: str) -> Record:
    """Make `other` a part of `name`.

    Raises:
        MissingInput, InvalidConfig, BadRecord: as `merge_people`.
    """
    moved, terms = merge_people(gallery.store, name, other)
    _refresh(gallery)
    return {"moved": moved} | asdict(terms)


def _refresh(gallery: Gallery) -> None:
    if gallery.size:
        refresh_snapshot(gallery)
