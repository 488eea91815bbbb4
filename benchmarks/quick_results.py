"""Figures that need no data set: those of the synthetic people of the sample.

Writes docs/background/quick-results.json, and from it the page beside it, so that what
the page says is what was measured. Takes minutes.

    python -m benchmarks.quick_results
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from index.evaluation.config import EvaluateConfig
from index.evaluation.figures import EmbedderFigures
from index.evaluation.protocol import read_collection
from index.evaluation.stage import evaluate
from masking.datasets.images import list_images, read_rgb
from masking.datasets.sample import sample_people
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import align_faces, default_finder, unmasked_finder
from masking.files.writing import write_bytes
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.checkpoints.store import SHIPPED_NAME, choose_embedder
from training.embedders.embedded_face import network_input
from training.embedders.mask_classifier import mask_states
from training.embedders.torch_embedder import dlib_embedder

PAGE = Path(__file__).parents[1] / "docs" / "background" / "quick-results.md"
FIGURES = PAGE.with_suffix(".json")
# Of each person.
_PHOTOS = 3
_PAIRS = {
    "U-U": "two unmasked photos",
    "M-U": "masked and unmasked",
    "M-M": "two masked",
}


def measure(people: Path) -> dict[str, Any]:
    """All figures of a folder per person."""
    with TemporaryDirectory() as place:
        embedders = [dlib_embedder(flip_average=True)]
        embedders.append(choose_embedder(SHIPPED_NAME, Path(place), "cpu"))
        config = EvaluateConfig(rounds=0, masked_references=False)
        for folder in people.iterdir():
            (Path(place) / "people" / folder.name).mkdir(parents=True)
            for photo in list_images(folder)[:_PHOTOS]:
                shutil.copy(photo, Path(place) / "people" / folder.name)
        collection = read_collection(Path(place) / "people", None, None)
        report = evaluate(collection, embedders, Path(place), config).report
    return {
        "measured": date.today().isoformat(),
        "people": report.people,
        "photos": report.photos,
        "found_unmasked": round(1 - report.unmasked.failed / report.unmasked.faces, 3),
        "found_masked": round(1 - report.masked.failed / report.masked.faces, 3),
        "embedders": {one.name: _figures(one) for one in report.embedders},
    } | told_apart(people)


def _figures(one: EmbedderFigures) -> dict[str, Any]:
    """TAR at FAR 1% of each set, and rank-1 of masked probes."""
    tar = {name: round(one.sets[name].tar[0].value, 3) for name in _PAIRS}
    ranks = one.ranks
    return tar | {"rank_1": round(ranks.rank1.value, 3) if ranks else None}


def told_apart(people: Path) -> dict[str, Any]:
    """Fraction of faces whose mask state is told rightly, without and with a mask."""
    geometry, finder, marks = ChipGeometry(), default_finder(), unmasked_finder()
    right: dict[bool, list[bool]] = {False: [], True: []}
    for folder in sorted(people.iterdir()):
        path = list_images(folder)[0]
        picture = read_rgb(path)
        drawn = draw_specs(sample_rng(0, folder.name), SpecConfig(wrongly_worn=0))
        masked = render(picture, marks.find(picture)[0].landmarks, drawn).pixels
        for worn, shown in ((False, picture), (True, masked)):
            found = align_faces(shown, path.name, "", finder, [geometry]).prominent
            if found.failure:
                continue
            (state,) = mask_states(network_input([found.crop]), geometry)
            right[worn].append(state.is_masked == worn)
    return {
        "told_unmasked": round(float(np.mean(right[False])), 3),
        "told_masked": round(float(np.mean(right[True])), 3),
    }


def page(figures: dict[str, Any]) -> str:
    """The text of the page that shows the figures."""
    embedders = figures["embedders"]
    labels = {name: f"{words}: TAR at FAR 1%" for name, words in _PAIRS.items()}
    labels["rank_1"] = "masked photo among all: rank-1"
    table = [["", *embedders], ["---"] * (1 + len(embedders))]
    for key, label in labels.items():
        table.append([label, *(shown(one[key]) for one in embedders.values())])
    found, told = (
        [shown(figures[f"{what}_{state}"]) for state in ("unmasked", "masked")]
        for what in ("found", "told")
    )
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    return f"""# Quick results

What anybody can measure in minutes, without a data set: {figures["photos"]} photos
of the {figures["people"]} synthetic people of the sample, each also in a synthetic
mask. These figures show that an installation works and that nothing got worse. They say
little about real people: [Results](results.md) does.

{rows}

| of the faces | unmasked | masked |
| --- | --- | --- |
| found | {" | ".join(found)} |
| mask state right | {" | ".join(told)} |

```sh
make results-quick
```

wrote this page and `quick-results.json` on {figures["measured"]}.
"""


def shown(value: float) -> str:
    """.987, and 1 for exactly that."""
    return "1" if value == 1 else f"{value:.3f}".removeprefix("0")


@click.command()
def main() -> None:
    """Measure, and write page and JSON."""
    figures = measure(sample_people())
    write_bytes(FIGURES, f"{json.dumps(figures, indent=1)}\n".encode())
    write_bytes(PAGE, page(figures).encode())
    click.echo(f"{FIGURES}\n{PAGE}")


if __name__ == "__main__":
    main()
