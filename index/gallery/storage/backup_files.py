"""Where a gallery's backups lie, and what to do with them when it is damaged."""

from __future__ import annotations

from pathlib import Path

FOLDER = "backups"
# Files that a restored backup replaced: evidence, and perhaps more than the backup.
DAMAGED = "damaged"
SUFFIX = ".sqlite"


def backup_files(gallery_folder: Path) -> list[Path]:
    """All backups, the newest first; their names begin with their time."""
    found = (gallery_folder / FOLDER).glob(f"[0-9]*{SUFFIX}")
    return sorted(found, reverse=True)


def rescue_advice(gallery_folder: Path) -> str:
    """What to do about a damaged gallery, as the end of a message."""
    found = backup_files(gallery_folder)
    if not found:
        return "Put back a copy of it, or move the folder away and enroll again."
    return (
        f"Put back a copy of it: the newest backup is {found[0]}. Run: python cli.py "
        "gallery restore"
    )
