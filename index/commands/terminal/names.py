"""Names of people, completed by the shell."""

from __future__ import annotations

from pathlib import Path

import click

from masking.errors import ToolkitError

_WORKSPACE = "workspace"


def complete_name(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The people of the gallery whose names begin so, small letters or capitals."""
    from index.gallery.gallery import open_gallery

    folder = Path(ctx.params.get(_WORKSPACE) or _WORKSPACE) / "gallery"
    try:
        with open_gallery(folder) as gallery:
            names = [person.name for person in gallery.people()]
    except (ToolkitError, OSError):
        # There is nothing to complete; the command will say what is wrong.
        return []
    start = incomplete.casefold()
    return [name for name in names if name.casefold().startswith(start)]
