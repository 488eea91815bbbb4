"""Options that several benchmarks have."""

from __future__ import annotations

from pathlib import Path

import click

found_faces_option = click.option(
    "--found-faces",
    type=click.Path(path_type=Path),
    default=Path("workspace/found-faces"),
    show_default=True,
    help="Folder that remembers detections.",
)
