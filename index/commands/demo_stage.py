"""`demo`: the whole job on synthetic people, one line as each step is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from index.enrollment.after_training import build_gallery
from index.enrollment.stage import enroll
from index.gallery.gallery import open_or_create_gallery
from index.identification.answers import answer_line
from index.identification.config import IdentifyConfig
from index.identification.stage import identify
from masking.augment.config import AugmentConfig
from masking.augment.manifest import read_manifest
from masking.augment.stage import augment
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_newcomers, sample_people
from masking.faces.finder import default_finder, unmasked_finder
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.checkpoints.choose import choose_embedder
from training.config import TrainConfig
from training.run.initialisation import choose_start
from training.run.stage import forget_run, train

_CONFIG = TrainConfig(epochs=2, learning_rate=1e-4, ema_decay=0.9)


def demo(workspace: Path) -> Iterator[str]:
    """Augment, train, enroll a newcomer, identify them masked; yields what happened."""
    report = augment(sample_people(), workspace / "augmented", AugmentConfig())
    yield f"1. rendered {report.masked} masks on {report.people} synthetic people"
    yield f"   look at {workspace}/augmented/preview.png"
    manifest = read_manifest(workspace / "augmented")
    models = workspace / "models"
    start = choose_start("shipped", "auto", models, _CONFIG.device, _CONFIG.seed)
    trained = train(manifest, models, _CONFIG, start)
    yield (
        f"2. trained on {trained.chips} chips; {trained.validation_people} people kept "
        f"out: masked-unmasked TAR at FAR 0.01 {trained.before['mu_1e2']:.2f} before, "
        f"{trained.after['mu_1e2']:.2f} after"
    )
    yield f"   look at {models}/train-report/curves.png"
    embedder = choose_embedder(str(trained.checkpoint), models, _CONFIG.device)
    built = build_gallery(workspace / "gallery", manifest, manifest, embedder, _CONFIG)
    forget_run(models)
    yield f"   gallery of {built.people} people"
    newcomer = sorted(sample_newcomers().iterdir())[0]
    *known, last = list_images(newcomer)
    finder = default_finder()
    probe = _masked_copy(last, workspace / "masked.jpg")
    with open_or_create_gallery(workspace / "gallery", embedder) as gallery:
        added = enroll(newcomer.name, known, gallery, embedder, finder)
        count = len(added.added) + len(added.known)
        yield f"3. enrolled {newcomer.name} from {count} photos, no training"
        out = workspace / "identified"
        config = IdentifyConfig(heatmap=True)
        for answer in identify([probe], gallery, embedder, finder, out, config):
            yield f"4. {answer_line(answer)}"
            yield f"   look at {answer.card}"


def _masked_copy(photo: Path, out: Path) -> Path:
    """A masked version of a photograph that was not enrolled."""
    image = read_rgb(photo)
    face = unmasked_finder().find(image)[0]
    specs = draw_specs(sample_rng(4, "demo"), SpecConfig(("surgical",), wrongly_worn=0))
    write_image(out, render(image, face.landmarks, specs).pixels)
    return out
