"""Draws the pictures of README and docs: synthetic people of the sample alone.

In a workspace of the sample, as after `augment` and `train` in a fresh clone:

    python -m tools.release.readme_pictures
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import click
import numpy as np
from PIL import Image as PILImage

from index.commands.demo import masked_copy
from masking.augment.report import contact_sheet
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_people
from masking.faces.finder import unmasked_finder
from masking.landmarks import Image
from masking.masks.spec import KINDS, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render

COLUMNS = 6
# The probe that README's commands identify.
PROBE_PERSON, PROBE_PHOTO = "Person_07", "8.jpg"
_WIDTH_PX, _HEIGHT_PX = 1100, 1080


@click.command()
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    default=Path("workspace"),
    show_default=True,
    help="Where the sample's people are enrolled.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("docs/pictures"),
    show_default=True,
)
def main(workspace: Path, out: Path) -> None:
    """Write ./masked.jpg, and masks.jpg, card.jpg and page.jpg into OUT."""
    photo = sample_people() / PROBE_PERSON / PROBE_PHOTO
    probe = masked_copy(photo, Path("masked.jpg"))
    write_image(out / "masks.jpg", kinds_sheet(), quality=88)
    card, page = card_and_page(workspace, probe)
    write_image(out / "card.jpg", card, quality=88)
    write_image(out / "page.jpg", page, quality=88)


def kinds_sheet() -> Image:
    """(H, W, 3) uint8 RGB, twelve people in all kinds of mask, half worn wrongly."""
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
    return contact_sheet(tiles, columns=COLUMNS)


def card_and_page(workspace: Path, probe: Path) -> tuple[Image, Image]:
    """The card of an answer, and the page that shows it, as (H, W, 3) uint8 RGB."""
    from index.app.actions import AppActions
    from index.app.api import Desk
    from index.app.examples import Examples
    from index.app.models import Models
    from index.app.server import served
    from index.app.uploads import Upload
    from index.identification.config import IdentifyConfig
    from training.checkpoints.store import choose_embedder

    embedder = choose_embedder("auto", workspace / "models", "auto")
    with tempfile.TemporaryDirectory() as dropped:
        actions = AppActions(workspace, Models(embedder), Path(dropped))
        upload = Upload(probe.name, probe.read_bytes())
        (record,) = actions.identify([upload], IdentifyConfig(heatmap=True))
        card = read_rgb(Path(record["card"]))
        with served(Desk(actions, Examples(actions)), 0) as address:
            return card, _page(address, probe)


def _page(address: str, probe: Path) -> Image:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": _WIDTH_PX, "height": _HEIGHT_PX})
        page.goto(address)
        page.set_input_files("input[type=file] >> nth=0", str(probe))
        page.wait_for_selector("article h3")
        page.wait_for_load_state("networkidle")
        # The page shows the answer where it comes; a picture begins at the title.
        page.evaluate("scrollTo(0, 0)")
        pixels = page.screenshot()
        browser.close()
    with PILImage.open(io.BytesIO(pixels)) as image:
        return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    main()
