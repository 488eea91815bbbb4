"""The command `export`."""

from __future__ import annotations

from pathlib import Path

import click

from index.commands.terminal.options import (
    A_PATH,
    embedder_of,
    json_option,
    model_option,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json


@click.command("export")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["dlib", "onnx"]),
    required=True,
    help="dlib: a .dat for dlib.face_recognition_model_v1; onnx: for any runtime.",
)
@click.option("--out", type=A_PATH, required=True, help="The file to write.")
@workspace_option
@model_option
@json_option
def export_command(
    kind: str, out: Path, workspace: Path, model: str, as_json: bool
) -> None:
    """Write an embedder for other programs, and try the file with their code.

    \b
    Example:
        python cli.py export --format dlib --model dlib-masked --out masked-faces.dat
    """
    from masking.datasets.folders import refuse_picture

    refuse_picture(out)
    # A file holds the network; who uses it may average over mirror images.
    embedder = embedder_of(workspace, model, "cpu", flip_average=False)
    if kind == "dlib":
        from training.checkpoints.export import export_dlib

        difference = export_dlib(embedder, out)
    else:
        from training.checkpoints.export import export_onnx

        difference = export_onnx(embedder, out)
    if as_json:
        record = {
            "file": str(out),
            "format": kind,
            "model": embedder.name,
            "fingerprint": embedder.fingerprint,
            "chip_px": embedder.geometry.size_px,
            "dimension": embedder.dimension,
            "difference": difference,
        }
        say_json(record)
        return
    side, length = embedder.geometry.size_px, embedder.dimension
    say(
        f"{out}: {embedder.name}, chips of {side} x {side} px to {length} numbers; "
        f"differs from ours by {difference:.0e}"
    )
