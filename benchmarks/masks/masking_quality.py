"""How real synthetic masks look: rim, fit, light, sharpness, straps, and to machines.

Measures our engine on the photographs of a list of people and, beside it, any
peer's masked pictures of the same or other photographs.

    python -m benchmarks.masks.masking_quality --photos data/lfw \
        --names data/peopleDevTest.txt --count 500 --real data/mfr2-a
    python -m benchmarks.masks.masking_quality --photos data/lfw \
        --names data/peopleDevTest.txt --peer masked --originals data/lfw
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.masks.quality_figures import MaskingFigures, measure
from benchmarks.masks.quality_photos import chosen_photos, peer_pairs, rendered_pairs
from benchmarks.shared.stock_finder import StockFinder
from masking.errors import InvalidConfig, ToolkitError
from masking.faces.finder import default_finder, unmasked_finder
from masking.masks.spec import SpecConfig

if TYPE_CHECKING:
    from benchmarks.masks.quality_real import RealFigures

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# Line of the table, figure, goal.
_LINES = (
    ("faces measured", "faces", ""),
    ("no mask to be seen", "untouched", "0"),
    ("rim brighter than both layers", "bright_rim", "<= .01"),
    ("chin covered", "chin", ">= .98"),
    ("jaw covered", "jaw", ">= .95"),
    ("wearing style label true", "style_true", ">= .99"),
    ("shading follows the skin", "shading", ">= .5"),
    ("left/right balance", "balance", ">= .6"),
    ("sharpness, mask to face", "sharpness", "p10 .5, p90 2"),
    ("strap end to ear, mean", "strap_gap", "<= .05"),
    ("strap end to ear, 90%", "strap_gap_p90", ""),
    ("found again by stock HOG", "hog_again", "as real masks"),
)


_REAL_LINES = (
    ("real masked faces found", "real", ""),
    ("rendered masked faces found", "rendered", ""),
    ("people with both", "people", ""),
    ("distance unmasked to unmasked", "unmasked_distance", ""),
    ("distance unmasked to real mask", "real_distance", ""),
    ("distance unmasked to synthetic mask", "rendered_distance", ">= real"),
    ("rendered less real, 95%", "harder", ""),
    ("distance unmasked to ours over real", "over_distance", ">= real"),
    ("ours over real less real, 95%", "over_harder", ""),
    ("AUC real or rendered, 95%", "auc", "towards .5"),
    ("the same, mean of all draws", "auc_of_draws", "towards .5"),
    ("control: AUC of upper halves", "control_auc", "about .5"),
    ("stock HOG finds, real", "hog_real", ""),
    ("stock HOG finds, rendered", "hog_rendered", "as real"),
)


@click.command()
@click.option("--photos", type=_FOLDER, required=True, help="A folder per person.")
@click.option("--names", type=_FILE, required=True, help="List of people to use.")
@click.option("--count", default=500, show_default=True, help="Photographs to use.")
@click.option("--peer", type=_FOLDER, help="A peer's masked pictures.")
@click.option("--originals", type=_FOLDER, help="What the peer rendered on.")
@click.option(
    "--real",
    type=_FOLDER,
    multiple=True,
    help="Really masked people, with labels.csv; then others, without.",
)
@click.option(
    "--variants", default=4, show_default=True, help="Masks an unmasked photo."
)
@click.option("--draws", default=8, show_default=True, help="For the mean AUC.")
@click.option("--seed", default=0, show_default=True, help="Of the masks drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    photos: Path,
    names: Path,
    count: int,
    peer: Path | None,
    originals: Path | None,
    real: tuple[Path, ...],
    variants: int,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure COUNT faces, evenly from the people of NAMES."""
    try:
        rendered_by = (peer, originals or photos) if peer else None
        columns = _faces(photos, names, count, seed, rendered_by)
        beside = _beside_real(real, variants, draws, seed) if real else {}
    except ToolkitError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        parts = {"faces": columns, "real": beside}
        click.echo(json.dumps({name: _plain(part) for name, part in parts.items()}))
        return
    lines = _table(_LINES, columns)
    lines += ["", *_table(_REAL_LINES, beside), *_told(beside)] if beside else []
    click.echo("\n".join(lines))


def _faces(
    photos: Path,
    names: Path,
    count: int,
    seed: int,
    peer: tuple[Path, Path] | None,
) -> dict[str, MaskingFigures]:
    """Figures of our masks and of a peer's: (its pictures, what it rendered on)."""
    finder = StockFinder()
    chosen = chosen_photos(photos, names, count)
    ours = measure(rendered_pairs(chosen, finder, SpecConfig(), seed), finder)
    if peer is None:
        return {"ours": ours}
    return {"ours": ours, "peer": measure(peer_pairs(*peer, finder), finder)}


def _beside_real(
    folders: tuple[Path, ...], variants: int, draws: int, seed: int
) -> dict[str, RealFigures]:
    from benchmarks.masks.quality_real import (
        FaceReaders,
        beside_real,
        labelled,
        masked_people,
        render_like_real,
        render_over_real,
    )
    from training.embedders.torch_embedder import dlib_embedder

    if variants < 1:
        raise InvalidConfig(f"variants must be at least 1, got {variants}")
    folder = folders[0]
    photos = labelled(folder)
    others = {other.name: masked_people(other) for other in folders[1:]}
    readers = FaceReaders(default_finder(), StockFinder(), dlib_embedder())
    over = render_over_real(photos, readers.finder, seed)
    placing = unmasked_finder()
    rendered, *more = (
        render_like_real(photos, placing, variants, seed + number)
        for number in range(max(1, draws))
    )
    return {"ours": beside_real(photos, rendered, over, others, readers, seed, more)}


def _table(
    lines: tuple[tuple[str, str, str], ...], columns: Mapping[str, object]
) -> list[str]:
    heads = "".join(f"{name:>20}" for name in columns)
    rows = [f"{'':<32}{'goal':<15}{heads}"]
    for title, figure, goal in lines:
        values = (getattr(column, figure) for column in columns.values())
        cells = "".join(f"{_cell(value):>20}" for value in values)
        rows.append(f"{title:<32}{goal:<15}{cells}")
    return rows


def _told(columns: Mapping[str, RealFigures]) -> list[str]:
    """Lines of the AUC by kind of mask, and beside other folders."""
    lines = []
    for name, column in columns.items():
        for kind, auc in column.by_kind.items():
            lines.append(f"{name}: AUC of {kind} masks {_cell(auc)}")
        for folder, (auc, control) in column.others.items():
            told = f"{_cell(auc)}, upper halves {_cell(control)}"
            lines.append(f"{name}: AUC beside {folder} {told}")
    return lines


def _cell(value: int | float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return " ".join(_cell(part) for part in value)
    if isinstance(value, int):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """As JSON takes it: records as dicts, NaN as null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


if __name__ == "__main__":
    main()
