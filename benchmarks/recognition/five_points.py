"""What does recognition lose without the landmark model?

The same photos are aligned by the landmark model and by the detector's five points
alone (`FaceGallery(five_points=True)`), with one embedder.

    python -m benchmarks.recognition.five_points data/mfr2-a
    python -m benchmarks.recognition.five_points data/lfw --people PEOPLE.txt
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.shared.options import found_faces_option
from index.datasets.views import ALL_KINDS
from index.evaluation.config import EvaluateConfig
from index.evaluation.protocol import REFERENCES, Collection, read_collection
from index.evaluation.stage import evaluate
from masking.faces.finder import FaceFinder, default_finder, five_point_finder
from training.checkpoints.store import choose_embedder
from training.embedders.embedded_face import Embedder

_WAYS: dict[str, Callable[[], FaceFinder]] = {
    "landmark model": default_finder,
    "five points": five_point_finder,
}
# Pairs as results name them, and where the report has them.
_PAIRS = {"U-U": ("", "U-U"), "M-U": ("", "M-U"), "M-M": ("", "M-M")} | {
    "M-C": (REFERENCES, "M-U")
}


def measure(
    collection: Collection, embedder: Embedder, found_faces: Path
) -> dict[str, dict[str, float]]:
    """TAR at FAR 0.1% by way to align and pairs, people weighted equally."""
    config = EvaluateConfig(kinds=ALL_KINDS, rounds=0)
    found = {}
    for way, make_finder in _WAYS.items():
        report = evaluate(
            collection, [embedder], found_faces, config, make_finder=make_finder
        ).report
        sets = {one.name.partition(", ")[2]: one.sets for one in report.embedders}
        found[way] = {
            pairs: sets[reference][of].tar[1].value
            for pairs, (reference, of) in _PAIRS.items()
        }
    return found


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--people", type=click.Path(path_type=Path), help="Of a list, only.")
@click.option("--model", default="shipped", show_default=True)
@found_faces_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    folder: Path, people: Path | None, model: str, found_faces: Path, as_json: bool
) -> None:
    """Verify the faces of FOLDER, aligned in both ways."""
    collection = read_collection(folder, people, None)
    found = measure(collection, choose_embedder(model, Path(), "cpu"), found_faces)
    if as_json:
        click.echo(json.dumps({"collection": collection.name, "tar_1e3": found}))
        return
    click.echo(f"{'TAR at FAR 0.1%':<18}" + "".join(f"{name:>7}" for name in _PAIRS))
    for way, row in found.items():
        click.echo(f"{way:<18}" + "".join(f"{row[name]:>7.3f}" for name in _PAIRS))


if __name__ == "__main__":
    main()
