"""The commands `gallery ...`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from index.commands.terminal.options import (
    A_PATH,
    device_option,
    embedder_of,
    json_option,
    model_option,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json
from masking.errors import InvalidConfig


@click.group("gallery")
def gallery_group() -> None:
    """List, rename, erase, verify and back up the people of the gallery."""


@gallery_group.command("list")
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


@gallery_group.command("show")
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


@gallery_group.command("verify")
@workspace_option
@json_option
def gallery_verify_command(workspace: Path, as_json: bool) -> None:
    """Check database and embeddings, build an old search index, compare both engines.

    \b
    Example:
        python cli.py gallery verify
    """
    from index.search.verify import verify_gallery

    report = verify_gallery(workspace / "gallery")
    if as_json:
        say_json(asdict(report))
    else:
        say(f"{report.people} people, {report.photos} photos")
        for problem in report.problems:
            say(f"problem: {problem}", err=True)
        if found := report.search:
            say(f"{found.templates} templates, {found.probes} probes")
            say(f"exact: recall 100.00%, {found.exact_ms:.2f} ms")
            say(f"annoy: recall {found.recall:.2%}, {found.annoy_ms:.2f} ms")
    sys.exit(0 if report.sound else 1)


@gallery_group.command("rebuild")
@workspace_option
@model_option
@device_option
def gallery_rebuild_command(workspace: Path, model: str, device: str) -> None:
    """Embed every stored chip again, for another --model or after an update.

    \b
    Example:
        python cli.py gallery rebuild --model shipped
    """
    from index.enrollment.reembed import reembed_gallery
    from index.gallery.gallery import open_gallery
    from index.search.verify import rebuild_snapshot

    folder = workspace / "gallery"
    count = reembed_gallery(folder, embedder_of(workspace, model, device))
    with open_gallery(folder) as gallery:
        rebuild_snapshot(gallery)
    say(f"{count} photos embedded, search index built")


@gallery_group.command("rename")
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


@gallery_group.command("remove")
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


@gallery_group.command("export")
@click.argument("out", type=A_PATH)
@workspace_option
def gallery_export_command(out: Path, workspace: Path) -> None:
    """Write names, embeddings and masked references to an .npz file.

    \b
    Example:
        python cli.py gallery export gallery.npz
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        count = gallery.export(out)
    say(f"{out}: {count} embeddings")


@gallery_group.command("audit")
@workspace_option
@json_option
def gallery_audit_command(workspace: Path, as_json: bool) -> None:
    """List who changed what and when; people are named by number only.

    \b
    Example:
        python cli.py gallery audit
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        entries = gallery.audit()
    for entry in entries:
        if as_json:
            say_json(asdict(entry))
            continue
        whom = "" if entry.person_id is None else f"person {entry.person_id}"
        say(entry.time, entry.actor, entry.action, whom, entry.detail)


@gallery_group.command("backup")
@workspace_option
def gallery_backup_command(workspace: Path) -> None:
    """Copy the database now; a daily copy is made without being asked.

    \b
    Example:
        python cli.py gallery backup
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        say(f"{gallery.store.back_up()}")


@gallery_group.command("restore")
@click.argument("backup", required=False, type=A_PATH)
@workspace_option
def gallery_restore_command(backup: Path | None, workspace: Path) -> None:
    """Put BACKUP, or the newest one, in the place of a damaged gallery.

    End all other programs that use the gallery first. What was there is set aside.

    \b
    Example:
        python cli.py gallery restore
    """
    from index.gallery.gallery import restore_gallery

    restored = restore_gallery(workspace / "gallery", backup)
    say(f"{restored} is the gallery now; run: python cli.py gallery verify")
