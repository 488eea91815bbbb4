"""Draws the README's pictures from the embedded sample and a demo's workspace.

python cli.py demo && python -m tools.release.readme_pictures
"""

from __future__ import annotations

from pathlib import Path

import click

from masking.datasets.contact_sheet import contact_sheet
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_people
from masking.faces.finder import unmasked_finder
from masking.masks.spec import KINDS, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render

COLUMNS = 6


@click.command()
@click.option(
    "--cards",
    type=click.Path(path_type=Path),
    default=Path("workspace/demo/identified"),
    show_default=True,
    help="Folder of result cards.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs"), show_default=True
)
def main(cards: Path, out: Path) -> None:
    """Write masks.jpg (every kind on synthetic people) and card.jpg."""
    finder = unmasked_finder()
    people = sorted(sample_people().iterdir())
    tiles = []
    for number in range(2 * COLUMNS):
        kind = KINDS[number % len(KINDS)]
        image = read_rgb(list_images(people[number * 5 % len(people)])[number % 8])
        face = finder.find(image)[0]
        wrong = 0.0 if number < COLUMNS else 4.0
        specs = draw_specs(sample_rng(3, str(number)), SpecConfig((kind,), wrong))
        rendered = render(image, face.landmarks, specs).pixels
        tiles.append((rendered, f"{kind}, {specs[0].wearing_style.replace('_', ' ')}"))
    write_image(out / "masks.jpg", contact_sheet(tiles, columns=COLUMNS), quality=88)
    card = sorted(cards.glob("*.png"))[-1]
    write_image(out / "card.jpg", read_rgb(card), quality=88)


if __name__ == "__main__":
    main()
