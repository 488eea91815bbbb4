"""The group of the commands `gallery ...`."""

from __future__ import annotations

import click

from index.commands.gallery.people import (
    gallery_list_command,
    gallery_merge_command,
    gallery_move_command,
    gallery_remove_command,
    gallery_rename_command,
    gallery_show_command,
)
from index.commands.gallery.upkeep import (
    gallery_audit_command,
    gallery_backup_command,
    gallery_export_command,
    gallery_rebuild_command,
    gallery_restore_command,
    gallery_verify_command,
)


@click.group("gallery")
def gallery_group() -> None:
    """List, rename, merge, erase, verify and back up the people of the gallery."""


for command in (
    gallery_list_command,
    gallery_show_command,
    gallery_rename_command,
    gallery_move_command,
    gallery_merge_command,
    gallery_remove_command,
    gallery_verify_command,
    gallery_rebuild_command,
    gallery_export_command,
    gallery_audit_command,
    gallery_backup_command,
    gallery_restore_command,
):
    gallery_group.add_command(command)
