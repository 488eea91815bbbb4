"""The commands `gallery ...`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from index.command_options import (
    A_PATH,
    device_option,
    embedder_of,
    json_option,
    model_option,
    workspace_option,
)


@click.group("gallery")
def gallery_group() -> None:
    """Look after the people of the gallery."""


@gallery_group.command("list")
@workspace_option
@json_option
def gallery_list_command(workspace: Path, as_json: bool) -> None:
    """Everybody with the number of their photos.

    \b
    Example:
        python cli.py gallery list
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        people = gallery.people()
    if as_json:
        click.echo(json.dumps([asdict(person) for person in people]))
        return
    for person in people:
        click.echo(f"{person.name}\t{person.photo_count} photos")


@gallery_group.command("show")
@click.argument("name")
@workspace_option
@json_option
def gallery_show_command(name: str, workspace: Path, as_json: bool) -> None:
    """The photos of a person, and how far each is from their mean.

    \b
    Example:
        python cli.py gallery show Person_01
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        photos = gallery.photos(name)
    if as_json:
        click.echo(json.dumps([asdict(photo) for photo in photos]))
        return
    for photo in photos:
        click.echo(f"{photo.distance:.3f}\t{photo.created}\t{photo.source}")


@gallery_group.command("verify")
@workspace_option
@json_option
def gallery_verify_command(workspace: Path, as_json: bool) -> None:
    """Check database, embeddings and search files, and compare both engines.

    \b
    Example:
        python cli.py gallery verify
    """
    from index.gallery_checks import verify_gallery

    report = verify_gallery(workspace / "gallery")
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        click.echo(f"{report.people} people, {report.photos} photos")
        for problem in report.problems:
            click.echo(f"problem: {problem}", err=True)
        if report.search:
            found = report.search
            click.echo(
                f"Annoy finds the nearest person in {found.recall:.2%} of "
                f"{found.queries} queries, {found.annoy_ms:.2f} ms each; exact search "
                f"takes {found.exact_ms:.2f} ms"
            )
    sys.exit(0 if report.sound else 1)


@gallery_group.command("rebuild")
@workspace_option
@model_option
@device_option
def gallery_rebuild_command(workspace: Path, model: str, device: str) -> None:
    """Embed every stored chip anew with --model, and make new search files.

    \b
    Example:
        python cli.py gallery rebuild --model shipped
    """
    from index.gallery import open_gallery
    from index.gallery_checks import rebuild_generation
    from index.reembed_stage import reembed_gallery

    folder = workspace / "gallery"
    count = reembed_gallery(folder, embedder_of(workspace, model, device))
    with open_gallery(folder) as gallery:
        rebuild_generation(gallery)
    click.echo(f"{count} photos embedded, search files made")


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
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        gallery.rename(name, new_name)
    click.echo(f"{name} is now {new_name}")


@gallery_group.command("remove")
@click.argument("name")
@workspace_option
def gallery_remove_command(name: str, workspace: Path) -> None:
    """Erase a person: embeddings, thumbnails, search files and their traces.

    Cards of earlier answers (WORKSPACE/identified) are yours to delete.

    \b
    Example:
        python cli.py gallery remove Person_01
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        count = gallery.remove(name)
    click.echo(f"{name}: {count} photos erased")


@gallery_group.command("export")
@click.argument("out", type=A_PATH)
@workspace_option
def gallery_export_command(out: Path, workspace: Path) -> None:
    """Write names and embeddings to an .npz file.

    \b
    Example:
        python cli.py gallery export gallery.npz
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        count = gallery.export(out)
    click.echo(f"{out}: {count} embeddings")
