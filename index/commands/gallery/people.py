"""The commands `gallery ...` on people and their photos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from index.commands.terminal.options import (
    json_option,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json
from masking.errors import InvalidConfig


@click.command("list")
@workspace_option
@json_option
def gallery_list_command(workspace: Path, as_json: bool) -> None:
    """List people, the number of their photos, and until when they are kept.

    \b
    Example:
        python cli.py gallery list
    """
    from datetime import date

    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        people = gallery.people()
        expired = frozenset(gallery.expired(date.today()))
    if as_json:
        records = [asdict(p) | {"expired": p.name in expired} for p in people]
        say_json(records)
        return
    for person in people:
        fields = [person.name, f"{person.photo_count} photos"]
        if person.retain_until:
            fields.append(f"kept until {person.retain_until}")
        say(*fields, *(["EXPIRED"] if person.name in expired else []))
    if expired:
        say(f"{len(expired)} expired: python cli.py gallery remove --expired", err=True)


@click.command("show")
@click.argument("name")
@workspace_option
@json_option
def gallery_show_command(name: str, workspace: Path, as_json: bool) -> None:
    """List the photos of a person, and how far each is from their mean.

    \b
    Example:
        python cli.py gallery show Person_01
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        photos = gallery.photos(name)
    if as_json:
        say_json([asdict(photo) for photo in photos])
        return
    for photo in photos:
        say(f"{photo.distance:.3f}", photo.created, photo.source)


@click.command("rename")
@click.argument("name")
@click.argument("new_name")
@workspace_option
def gallery_rename_command(name: str, new_name: str, workspace: Path) -> None:
    """Give a person another name.

    \b
    Example:
        python cli.py gallery rename Person_01 "Person One"
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        gallery.rename(name, new_name)
    say(f"{name} is now {new_name}")


@click.command("remove")
@click.argument("name", required=False)
@click.option("--expired", is_flag=True, help="Everybody whose last day is over.")
@workspace_option
def gallery_remove_command(name: str | None, expired: bool, workspace: Path) -> None:
    """Erase a person from all that the workspace made, or say what is left.

    Photographs, and what you had written elsewhere, are yours to delete.

    \b
    Example:
        python cli.py gallery remove Person_01
    """
    from datetime import date

    from index.gallery.erasure import erase_people
    from index.gallery.gallery import open_gallery
    from index.search.snapshots import refresh_snapshot

    if (name is None) is not expired:
        raise InvalidConfig("gallery remove takes a name, or --expired.")
    with open_gallery(workspace / "gallery") as gallery:
        names = gallery.expired(date.today()) if name is None else [name]
        erasure = erase_people(gallery.store, names)
        if names and gallery.size:
            refresh_snapshot(gallery)
    say(f"{name or f'{len(names)} people'}: {erasure.photos} photos erased")
    for line in erasure.left:
        say(f"left: {line}", err=True)
