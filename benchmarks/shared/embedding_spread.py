"""How embeddings spread: between people, within a person, and under a mask.

Writes aggregate figures only, for drawing synthetic people who are as hard to tell
apart as real ones (benchmarks/shared/synthetic_people.py):

    python -m benchmarks.shared.embedding_spread --photos data/lfw \
        --names data/peopleDevTest.txt

Those whom the embedder was trained on lie farther apart than others do.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from masking.augment.people_lists import read_names
from masking.datasets.images import list_images, read_rgb
from masking.faces.alignment import crop_chip
from masking.faces.finder import default_finder
from masking.landmarks import Float32
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.checkpoints.store import choose_embedder
from training.embedders.embedded_face import Embedder, network_input

SPREAD_FILE = Path(__file__).with_name("embedding_spread.json")
# Two photos a person separate the spread within people from that between them.
_PHOTOS = 2


def embed_pairs(photos: list[Path], embedder: Embedder) -> tuple[Float32, Float32]:
    """Unmasked and masked embeddings, (n, D) each, of the photos with a face."""
    finder = default_finder()
    unmasked, masked = [], []
    for photo in photos:
        image = read_rgb(photo)
        specs = draw_specs(sample_rng(0, photo.name), SpecConfig())
        faces = finder.find(image)
        if not faces:
            unmasked.append(np.full(embedder.dimension, np.nan))
            masked.append(unmasked[-1])
            continue
        marks = faces[0].landmarks
        rendered = render(image, marks, specs).pixels
        # Aligned again, as a masked probe is: that is part of what a mask does.
        again = finder.landmarks_in(rendered, faces[0].box)
        chips = [
            crop_chip(image, marks, embedder.geometry, "").pixels,
            crop_chip(rendered, again, embedder.geometry, "").pixels,
        ]
        rows = embedder.embed(network_input(chips))
        unmasked.append(rows[0])
        masked.append(rows[1])
    return np.array(unmasked, np.float32), np.array(masked, np.float32)


def spread(unmasked: Float32, masked: Float32) -> dict[str, list[float]]:
    """Variances along the axes in which people differ, the largest first.

    Args:
        unmasked, masked: (2 P, D), both photos of a person together.

    Returns:
        `between`, `within` and `shift`: (D,) variances of person means, of photos
        around them, and of what a mask adds; `genuine`: squared distances of a masked
        photo from the person's other one, unmasked, at quantiles 0, .01 .. 1.
    """
    pairs = unmasked.reshape(-1, _PHOTOS, unmasked.shape[1]).astype(np.float64)
    means = pairs.mean(axis=1)
    # Of two photos, each lies half their difference from the mean.
    within = (pairs[:, 0] - pairs[:, 1]).T @ (pairs[:, 0] - pairs[:, 1]) / 2
    within /= len(pairs)
    between = np.cov(means.T) - within / _PHOTOS
    _, axes = np.linalg.eigh(between)
    axes = axes[:, ::-1]
    shift = (masked.astype(np.float64) - unmasked) @ axes
    along = np.maximum(np.diag(axes.T @ between @ axes), 1e-6)
    others = masked.reshape(pairs.shape)[:, ::-1] - pairs
    return {
        # Noise makes some variances negative, and others as much too large.
        "between": (along * np.trace(between) / along.sum()).tolist(),
        "within": np.diag(axes.T @ within @ axes).tolist(),
        "shift": shift.var(axis=0).tolist(),
        "genuine": np.quantile(
            np.square(others).sum(axis=2), np.linspace(0, 1, 101)
        ).tolist(),
    }


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--people", default=600, show_default=True, help="People to use.")
@click.option("--out", type=click.Path(path_type=Path), default=SPREAD_FILE)
def main(photos: Path, names: Path, people: int, out: Path) -> None:
    """Measure PEOPLE of NAMES who have two photos or more."""
    embedder = choose_embedder("shipped", Path("workspace/models"), "cpu")
    chosen: list[Path] = []
    for name in sorted(read_names(names)):
        found = list_images(photos / name)
        if len(found) >= _PHOTOS and len(chosen) < _PHOTOS * people:
            chosen += found[:_PHOTOS]
    unmasked, masked = embed_pairs(chosen, embedder)
    found_face = np.isfinite(unmasked).all(axis=1).reshape(-1, _PHOTOS).all(axis=1)
    kept = np.repeat(found_face, _PHOTOS)
    figures = spread(unmasked[kept], masked[kept])
    record = {
        "source": f"shipped embedder {embedder.fingerprint[:12]}, "
        f"{int(found_face.sum())} people of {names.stem}, one synthetic mask a photo",
        **{key: [round(v, 7) for v in row] for key, row in figures.items()},
    }
    out.write_text(json.dumps(record, indent=0) + "\n")
    click.echo(f"{out}: {record['source']}")


if __name__ == "__main__":
    main()
