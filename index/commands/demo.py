"""The command `demo`: the whole job on synthetic people, in three steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from index.commands.terminal.options import workspace_option
from index.commands.terminal.printing import say_lines
from masking.files.text import counted


@click.command("demo")
@workspace_option
def demo_command(workspace: Path) -> None:
    """Do the whole job once on the embedded sample of synthetic people.

    \b
    Example:
        python cli.py demo
    """
    folder = workspace / "demo"
    for step in (_augment, _train, _identify_newcomer):
        say_lines(step(folder))


def _augment(workspace: Path) -> Iterator[str]:
    from masking.augment.config import AugmentConfig
    from masking.augment.stage import augment
    from masking.datasets.sample import sample_people

    # Training renders masks of its own: these are to be looked at.
    config = AugmentConfig(variants=1)
    report = augment(sample_people(), workspace / "augmented", config)
    masks = counted(report.masked, "mask")
    yield f"1. rendered {masks} on {report.people} synthetic people"
    yield f"   look at {workspace}/augmented/preview.png"


def _train(workspace: Path) -> Iterator[str]:
    from index.enrollment.after_training import rebuild_gallery
    from masking.augment.manifest import read_manifest
    from training.checkpoints.store import DLIB_NAME, choose_embedder
    from training.config import TrainConfig
    from training.run.initialisation import initialise
    from training.run.stage import forget_run, train

    # People enough are held out that a gain is no chance, and for a probability.
    config = TrainConfig(
        epochs=3,
        batch_size=32,
        learning_rate=3e-4,
        ema_decay=0.9,
        validation_fraction=0.4,
    )
    manifest = read_manifest(workspace / "augmented")
    models = workspace / "models"
    # The shipped network has learned this already: nothing would be gained.
    start = initialise(DLIB_NAME, "auto", models, config.device, config.seed)
    trained = train(manifest, models, config, start)
    chips = counted(trained.chips, "photo")
    yield f"2. trained dlib's network on {chips} of {trained.people} people"
    yield "   " + gain_line(trained.before, trained.after, trained.validation_people)
    yield f"   look at {models}/train-report/curves.png"
    embedder = choose_embedder(str(trained.checkpoint), models, config.device)
    built = rebuild_gallery(workspace / "gallery", manifest, manifest, embedder, config)
    forget_run(models)
    yield f"   gallery of {counted(built.people, 'person')}"


def gain_line(before: dict[str, float], after: dict[str, float], people: int) -> str:
    """What training did for people that it did not see.

    Args:
        before, after: TAR at FAR 0.01 of masked and unmasked photos, as "mu_1e2".
        people: held out.
    """
    return (
        f"{counted(people, 'person')} held out, masked against unmasked photos: "
        f"{before['mu_1e2']:.0%} accepted before, {after['mu_1e2']:.0%} after, where 1 "
        "impostor in 100 is"
    )


def _identify_newcomer(workspace: Path) -> Iterator[str]:
    """Enroll a person whom training did not see, and identify them masked."""
    from index.enrollment.stage import enroll
    from index.gallery.gallery import open_gallery
    from index.identification.answers import answer_line
    from index.identification.config import IdentifyConfig
    from index.identification.stage import identify
    from masking.datasets.images import list_images
    from masking.datasets.sample import sample_newcomers
    from masking.faces.finder import default_finder
    from training.checkpoints.store import choose_embedder

    newcomer = sorted(sample_newcomers().iterdir())[0]
    *known, last = list_images(newcomer)
    finder = default_finder()
    probe = masked_copy(last, workspace / "masked.jpg")
    embedder = choose_embedder("auto", workspace / "models", "auto")
    with open_gallery(workspace / "gallery") as gallery:
        added = enroll(newcomer.name, known, gallery, embedder, finder)
        count = counted(len(added.added) + len(added.known), "photo")
        yield f"3. enrolled {newcomer.name} from {count}, no training"
        out = workspace / "identified"
        config = IdentifyConfig(heatmap=True)
        for answer in identify([probe], gallery, embedder, finder, out, config):
            yield f"4. {answer_line(answer)}"
            yield f"   look at {answer.card}"


def masked_copy(photo: Path, out: Path) -> Path:
    """Write a photograph with a surgical mask rendered on its face; gives `out`."""
    from masking.datasets.images import read_rgb, write_image
    from masking.faces.finder import unmasked_finder
    from masking.masks.spec import SpecConfig, draw_specs, sample_rng
    from masking.rendering.render import render

    image = read_rgb(photo)
    face = unmasked_finder().find(image)[0]
    specs = draw_specs(sample_rng(4, "demo"), SpecConfig(("surgical",), wrongly_worn=0))
    write_image(out, render(image, face.landmarks, specs).pixels)
    return out
