"""The commands `gallery ...` that look after its files."""

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
from index.commands.terminal.printing import ask, say, say_json, say_table, yes_option
from masking.errors import InvalidConfig
from masking.files.text import counted


@click.command("verify")
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
        say(f"{counted(report.people, 'person')}, {counted(report.photos, 'photo')}")
        for problem in report.problems:
            say(f"problem: {problem}", err=True)
        if found := report.search:
            probes = counted(found.probes, "probe")
            say(f"{counted(found.templates, 'template')}, {probes}")
            say(f"exact: recall 100.00%, {found.exact_ms:.2f} ms")
            say(f"annoy: recall {found.recall:.2%}, {found.annoy_ms:.2f} ms")
    sys.exit(0 if report.sound else 1)


@click.command("rebuild")
@workspace_option
@model_option
@device_option
@json_option
def gallery_rebuild_command(
    workspace: Path, model: str, device: str, as_json: bool
) -> None:
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
    if as_json:
        say_json({"photos": count})
        return
    say(f"{counted(count, 'photo')} embedded, search index built")


@click.command("export")
@click.argument("out", type=A_PATH)
@workspace_option
@json_option
def gallery_export_command(out: Path, workspace: Path, as_json: bool) -> None:
    """Write names, embeddings and masked references to an .npz file.

    \b
    Example:
        python cli.py gallery export gallery.npz
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        count = gallery.export(out)
    if as_json:
        say_json({"file": str(out), "embeddings": count})
        return
    say(f"{out}: {counted(count, 'embedding')}")


@click.command("audit")
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
    if as_json:
        for entry in entries:
            say_json(asdict(entry))
        return
    say_table(
        ("time", "who", "action", "whom", "what"),
        (
            (
                entry.time,
                entry.actor,
                entry.action,
                f"person {entry.person_id}" if entry.person_id is not None else "",
                entry.detail,
            )
            for entry in entries
        ),
    )


@click.command("backup")
@workspace_option
@json_option
def gallery_backup_command(workspace: Path, as_json: bool) -> None:
    """Copy the database now; a daily copy is made without being asked.

    \b
    Example:
        python cli.py gallery backup
    """
    from index.gallery.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        made = gallery.store.back_up()
    if as_json:
        say_json({"backup": str(made)})
        return
    say(made)


@click.command("restore")
@click.argument("backup", required=False, type=A_PATH)
@click.option("--force", is_flag=True, help="Also where the gallery is sound.")
@yes_option
@workspace_option
@json_option
def gallery_restore_command(
    backup: Path | None, force: bool, yes: bool, workspace: Path, as_json: bool
) -> None:
    """Put BACKUP, or the newest one, in the place of a damaged gallery.

    End all other programs that use the gallery first. What was there is set aside.

    \b
    Example:
        python cli.py gallery restore
    """
    from index.gallery.gallery import restore_gallery
    from index.gallery.storage.backup import backup_to_restore
    from index.search.verify import is_sound

    folder = workspace / "gallery"
    found = backup_to_restore(folder, backup)
    if not force and is_sound(folder):
        raise InvalidConfig(
            f"{folder} is sound, and whoever was enrolled since {found.name} would "
            "be lost. To put the backup in its place all the same, give --force."
        )
    ask(f"Put {found} in the place of {folder}?", yes)
    restored = restore_gallery(folder, found)
    if as_json:
        say_json({"restored": str(restored)})
        return
    say(f"{restored} is the gallery now; run: python cli.py gallery verify")
