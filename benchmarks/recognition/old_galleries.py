"""Does a gallery of dlib's untouched network still work with our probes?

Masked faces (masks are rendered, faces detected again) and unmasked ones are compared
with unmasked faces of a gallery: both by the untouched network, both by ours, and the
mixed case of a user who replaces the network but keeps the old gallery.

    python -m benchmarks.recognition.old_galleries --photos data/lfw --names
    data/peopleDevTest.txt
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.options import found_faces_option
from index.datasets.embed_views import RememberingFinders, embed_views, geometries_of
from index.datasets.views import (
    ALL_KINDS,
    ViewPlan,
    all_views,
    mask_renderer,
    read_labelled_photos,
)
from masking.faces.finder import default_finder
from training.checkpoints.store import choose_embedder
from training.metrics.identification import ranks
from training.metrics.pairs import ScoredPairs, compare_between
from training.metrics.score_normalization import EmbeddedFaces
from training.metrics.verification import acceptance, tar_at_far, threshold_at_far

if TYPE_CHECKING:
    from training.embedders.torch_embedder import NetworkEmbedder

# What dlib and face_recognition recommend.
DLIB_THRESHOLD = 0.6
_BATCH = 64


@dataclass(frozen=True)
class GalleryFigures:
    """One kind of probe against one kind of gallery.

    Attributes:
        tar_1e2, tar_1e3: genuine weight accepted at FAR 1e-2, 1e-3; higher is better.
        threshold_1e2, threshold_1e3: Euclidean distances that give those FARs.
        tar_at_dlibs, far_at_dlibs: at DLIB_THRESHOLD.
        rank1: fraction of probes whose person's mean template is the nearest.
    """

    gallery: str
    probes: str
    masked: bool
    tar_1e2: float
    tar_1e3: float
    threshold_1e2: float
    threshold_1e3: float
    tar_at_dlibs: float
    far_at_dlibs: float
    rank1: float


def gallery_figures(
    names: tuple[str, str],
    probes: EmbeddedFaces,
    references: EmbeddedFaces,
    masked: bool,
) -> GalleryFigures:
    """Compare probes with references; photographs are not compared with themselves.

    Args:
        names: of the gallery's network and of the probes' network.
        masked: the probes wear masks; only recorded.
    """
    pairs: ScoredPairs = compare_between(probes, references)
    return GalleryFigures(
        *names,
        masked,
        tar_at_far(pairs, 1e-2),
        tar_at_far(pairs, 1e-3),
        threshold_at_far(pairs.impostor, 1e-2),
        threshold_at_far(pairs.impostor, 1e-3),
        acceptance(pairs.genuine, DLIB_THRESHOLD),
        acceptance(pairs.impostor, DLIB_THRESHOLD),
        ranks(probes, references).rate(1),
    )


def all_cases(
    old: tuple[str, EmbeddedFaces],
    new: tuple[str, EmbeddedFaces],
    masked: NDArray[np.bool_],
) -> list[GalleryFigures]:
    """Old with old, new probes on an old gallery, new with new; masked, then unmasked.

    Args:
        old, new: name of a network and its embeddings of the same faces.
        masked: (N,) bool, which faces wear masks; the gallery holds the others.
    """
    return [
        gallery_figures((gallery[0], probes[0]), probes[1][worn], unmasked, bool(mask))
        for mask, worn in ((True, masked), (False, ~masked))
        for gallery, probes in ((old, old), (old, new), (new, new))
        for unmasked in [gallery[1][~masked]]
    ]


def measure(
    photos: Path, names: Path, embedders: list[NetworkEmbedder], found_faces: Path
) -> list[GalleryFigures]:
    """Figures of the people of a list, one synthetic mask a photograph."""
    chosen = read_labelled_photos(photos, names)
    _, people = np.unique([photo.person for photo in chosen], return_inverse=True)
    plan = ViewPlan(geometries_of(embedders), renderer=mask_renderer(0, ALL_KINDS))
    finders = RememberingFinders(default_finder, found_faces)
    views = all_views(chosen, plan, 0, finders)
    embedded = embed_views(views, embedders, _BATCH)
    old, new = (
        # Plain distances, as users of dlib compare.
        (embedder.name, embedded.faces(number, people.astype(np.int32), None))
        for number, embedder in enumerate(embedders)
    )
    return all_cases(old, new, embedded.masked)


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="dlib-masked", show_default=True)
@found_faces_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    photos: Path, names: Path, model: str, found_faces: Path, as_json: bool
) -> None:
    """Compare our probes with a gallery of the untouched network."""
    models = Path("workspace/models")
    # As those who have such galleries embed: without mirror images.
    embedders = [
        choose_embedder(name, models, "auto", flip_average=False)
        for name in ("dlib", model)
    ]
    rows = measure(photos, names, embedders, found_faces)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    click.echo("gallery   probes            TAR at FAR     distance at    at 0.6")
    click.echo("                            1%     0.1%    1%     0.1%    TAR    FAR")
    for row in rows:
        kind = "masked" if row.masked else "unmasked"
        click.echo(
            f"{row.gallery:<9} {row.probes:<9} {kind:<7} {row.tar_1e2:.3f}  "
            f"{row.tar_1e3:.3f}   {row.threshold_1e2:.3f}  {row.threshold_1e3:.3f}   "
            f"{row.tar_at_dlibs:.3f}  {row.far_at_dlibs:.4f}   rank-1 {row.rank1:.3f}"
        )


if __name__ == "__main__":
    main()
