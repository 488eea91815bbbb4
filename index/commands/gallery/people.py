"""The commands `gallery ...` on people and their photos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from index.commands.terminal.options import (
    A_PATH,
    complete_name,
    json_option,
    workspace_option,
)
from index.commands.terminal.printing import ask, say, say_json, say_table, yes_option
from masking.errors import InvalidConfig
from masking.files.text import counted, shown

if TYPE_CHECKING:
    from index.gallery.people import PersonPhoto


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
    say_table(
        ("name", "photos", "enrolled", "kept until"),
        (
            (
                person.name,
                person.photo_count,
                person.created[:10],
                person.retain_until + " EXPIRED" * (person.name in expired),
            )
            for person in people
        ),
    )
    if expired:
        say(f"{len(expired)} expired: python cli.py gallery remove --expired", err=True)


@click.command("show")
@click.argument("name", shell_complete=complete_name)
@click.option("--sheet", type=A_PATH, help="PNG of all the photos to write.")
@workspace_option
@json_option
def gallery_show_command(
    name: str, sheet: Path | None, workspace: Path, as_json: bool
) -> None:
    """List the photos of a person by number, and how far each is from their mean.

    \b
    Examples:
        python cli.py gallery show Person_01
        python cli.py gallery show Person_01 --sheet photos.png
    """
    from index.gallery.gallery import open_gallery

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise InvalidConfig(f"{sheet}: a contact sheet is a PNG, name it so.")
    with open_gallery(workspace / "gallery") as gallery:
        photos = gallery.photos(name)
        chips = gallery.chips(name) if sheet else []
    if sheet is not None:
        from masking.augment.report import contact_sheet
        from masking.datasets.images import write_image

        captions = [_caption(photo) for photo in photos]
        tiles = list(zip(chips, captions, strict=True))
        write_image(sheet, contact_sheet(tiles, columns=5))
    if as_json:
        say_json([asdict(photo) for photo in photos])
        return
    say_table(
        ("number", "distance", "mask", "enrolled", "photo"),
        (
            (
                photo.number,
                f"{photo.distance:.3f}",
                "masked" if photo.masked else "no mask",
                photo.created[:10],
                photo.source,
            )
            for photo in photos
        ),
    )


def _caption(photo: PersonPhoto) -> str:
    """What fits below a picture: the number, and the end of the file's name."""
    name = shown(Path(photo.source).name)
    return f"{photo.number}: {name if len(name) <= 22 else '…' + name[-21:]}"


@click.command("rename")
@click.argument("name", shell_complete=complete_name)
@click.argument("new_name")
@workspace_option
@json_option
def gallery_rename_command(
    name: str, new_name: str, workspace: Path, as_json: bool
) -> None:
    """Give a person another name.

    \b
    Example:
        python cli.py gallery rename Person_01 "Person One"
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        gallery.rename(name, new_name)
    if as_json:
        say_json({"name": new_name, "was": name})
        return
    say(f"{name} is now {new_name}")


@click.command("remove")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option(
    "--photo", "numbers", type=int, multiple=True, help="Only this photo, by number."
)
@click.option("--expired", is_flag=True, help="Everybody whose last day is over.")
@yes_option
@workspace_option
@json_option
def gallery_remove_command(
    name: str | None,
    numbers: tuple[int, ...],
    expired: bool,
    yes: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Erase a person, or a photo of theirs, from all that the workspace made.

    Says what is left. Photographs, and what you had written elsewhere, are yours to
    delete. `gallery show` numbers photos.

    \b
    Examples:
        python cli.py gallery remove Person_01
        python cli.py gallery remove Person_02 --photo 3
        python cli.py gallery remove --expired --yes
    """
    from datetime import date

    from index.gallery.erasure import erase_people, erase_photos
    from index.gallery.gallery import open_gallery
    from index.search.open_search import refresh_snapshot

    if (name is None) is not expired or (expired and numbers):
        raise InvalidConfig("gallery remove takes a name, or --expired.")
    with open_gallery(workspace / "gallery") as gallery:
        names = gallery.expired(date.today()) if name is None else [name]
        who = name or counted(len(names), "person")
        photos = sum(len(gallery.photos(each)) for each in names)
        what = f"photo {', '.join(map(str, numbers))} of {who}"
        if not numbers:
            what = f"{who} with {counted(photos, 'photo')}"
        if names:
            ask(f"Erase {what} from {workspace}? This cannot be undone.", yes)
        erasure = (
            erase_photos(gallery.store, names[0], numbers)
            if numbers
            else erase_people(gallery.store, names)
        )
        if names and gallery.size:
            refresh_snapshot(gallery)
    if as_json:
        say_json({"names": names} | asdict(erasure))
        return
    say(f"{who}: {counted(erasure.photos, 'photo')} erased")
    for line in erasure.left:
        say(f"left: {line}", err=True)


@click.command("move")
@click.argument("name", shell_complete=complete_name)
@click.option(
    "--photo",
    "numbers",
    type=int,
    multiple=True,
    required=True,
    help="The photo, by its number in `gallery show`.",
)
@click.option(
    "--to",
    "other",
    required=True,
    shell_complete=complete_name,
    help="Whose it is.",
)
@workspace_option
@json_option
def gallery_move_command(
    name: str, numbers: tuple[int, ...], other: str, workspace: Path, as_json: bool
) -> None:
    """Give a photo that was enrolled under the wrong name to somebody enrolled.

    Answers and cards that show NAME go, as they may show this photo.

    \b
    Example:
        python cli.py gallery move Person_01 --photo 2 --to Person_02
    """
    from index.gallery.gallery import open_gallery
    from index.gallery.transfers import move_photos
    from index.search.open_search import refresh_snapshot

    with open_gallery(workspace / "gallery") as gallery:
        moved = move_photos(gallery.store, name, numbers, other)
        refresh_snapshot(gallery)
    had = len(set(numbers)) - moved
    if as_json:
        say_json({"name": other, "from": name, "moved": moved, "known": had})
        return
    say(
        f"{counted(moved, 'photo')} moved to {other}"
        + (f", {had} already there" if had else "")
    )


@click.command("merge")
@click.argument("name", shell_complete=complete_name)
@click.argument("other", shell_complete=complete_name)
@yes_option
@workspace_option
@json_option
def gallery_merge_command(
    name: str, other: str, yes: bool, workspace: Path, as_json: bool
) -> None:
    """Give all photos of OTHER to NAME, where both are one person.

    NAME keeps both notes of consent and the earlier of both last days. Answers and
    cards that show OTHER go.

    \b
    Example:
        python cli.py gallery merge Person_02 Person_03
    """
    from index.gallery.gallery import open_gallery
    from index.gallery.transfers import merge_people
    from index.search.open_search import refresh_snapshot

    with open_gallery(workspace / "gallery") as gallery:
        count = len(gallery.photos(other))
        gallery.photos(name)
        ask(f"Make {other} with {counted(count, 'photo')} a part of {name}?", yes)
        moved, terms = merge_people(gallery.store, name, other)
        refresh_snapshot(gallery)
    if as_json:
        record = {"name": name, "from": other, "moved": moved, "known": count - moved}
        say_json(record | asdict(terms))
        return
    until = f", kept until {terms.retain_until}" if terms.retain_until else ""
    had = f", {count - moved} already there" if count > moved else ""
    say(f"{other} is now {name}: {counted(moved, 'photo')} moved{had}{until}")
