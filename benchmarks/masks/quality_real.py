"""Synthetic masks beside real ones: embedding distance, and a classifier's AUC.

Real are the masked photos of a folder with labels.csv (MFR2); rendered are masks on
the unmasked photos of the same people in it, of the same kinds in the same fractions
and
worn correctly, so that camera, people, resolution and file format are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.masks.quality_classifier import ABOVE, BELOW, CHIP, Auc, telling_auc
from benchmarks.masks.quality_photos import as_written, originals_by_name
from index.datasets.labelled_photos import read_labelled_photos
from masking.datasets.images import read_rgb
from masking.datasets.labels import LabelledPhoto
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import crop_chip
from masking.faces.finder import Finder
from masking.landmarks import Float32, Image
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.embedders.protocol import Embedder

# First words of MFR2's labels, and the kind that we render for each.
_KINDS = {
    "surgical": "surgical",
    "cloth": "cloth",
    "N95": "ffp2",
    "N99": "ffp2",
    "KN95": "kn95",
}
_ROUNDS = 1000

Shown = list[tuple[LabelledPhoto, Image]]
Distances = dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One found face: who, on which photo, its embedding, its chip to look at."""

    person: str
    photo: str
    embedding: Float32
    chip: Image


@dataclass(frozen=True)
class RealFigures:
    """Synthetic masks beside real ones.

    Attributes:
        real, rendered: masked faces that were found, and `missed` those that were not.
        people: who has pairs of both sorts.
        unmasked_distance: mean distance of two unmasked photos of one person.
        real_distance, rendered_distance: of a masked one from an unmasked one of
            another
            photo. Rendered ones must not be nearer: that would make training easy.
        harder: 95% interval of rendered less real.
        over_distance: the same of real masked photos with a mask rendered over the
            real one, of its kind: no nearer than `real_distance` when the synthetic
                mask
            hides what the real one does. What is left between `real_distance` and
            `rendered_distance` is then due to the photos: other days, poses, hats.
        over_harder: 95% interval of that less real.
        auc, control_auc: see `telling_auc`; with 95% intervals.
        hog_real, hog_rendered: share that dlib's stock detector finds.
    """

    real: int
    rendered: int
    missed: dict[str, int]
    people: int
    unmasked_distance: float
    real_distance: float
    rendered_distance: float
    harder: tuple[float, float]
    over_distance: float
    over_harder: tuple[float, float]
    auc: Auc
    control_auc: Auc
    hog_real: float
    hog_rendered: float


@dataclass(frozen=True, eq=False)
class FaceReaders:
    """What turns pictures into faces.

    Attributes:
        finder: finds faces that may be masked, real and rendered alike.
        stock: dlib's detector alone.
        embedder: dlib's untouched network.
    """

    finder: Finder
    stock: Finder
    embedder: Embedder


def beside_real(
    photos: list[LabelledPhoto],
    rendered: Shown,
    over: Shown,
    readers: FaceReaders,
    seed: int,
) -> RealFigures:
    """Figures of rendered pictures beside the masked photos of a labelled folder.

    Args:
        rendered: masks on its unmasked photos.
        over: masks on its masked photos, see `render_over_real`.
    """
    groups: dict[str, Shown] = {
        "unmasked": [(p, read_rgb(p.path)) for p in photos if not p.masked],
        # Once more through JPEG, as the rendered ones went.
        "real": [(p, as_written(read_rgb(p.path))) for p in photos if p.masked],
        "rendered": rendered,
        "over": over,
    }
    found = {name: _found(shown, readers) for name, shown in groups.items()}
    unmasked, real, ours = found["unmasked"], found["real"], found["rendered"]
    compared = (real, ours, unmasked, found["over"])
    pairs = [pair_distances(group, unmasked) for group in compared]
    people = sorted(set(pairs[0]) & set(pairs[1]))
    if not people:
        raise MissingInput(
            "nobody has both real and rendered masked pairs: no figures."
        )
    far_real, far_rendered, far_unmasked, far_over = (
        _means(pair, people) for pair in pairs
    )
    covered = far_over - far_real
    chips = [face.chip for face in real + ours]
    who = [face.person for face in real + ours]
    is_rendered = [False] * len(real) + [True] * len(ours)
    return RealFigures(
        real=len(real),
        rendered=len(ours),
        missed={name: len(groups[name]) - len(found[name]) for name in groups},
        people=len(people),
        unmasked_distance=float(np.nanmean(far_unmasked)),
        real_distance=float(far_real.mean()),
        rendered_distance=float(far_rendered.mean()),
        harder=_interval_over_people(far_rendered - far_real, seed),
        over_distance=float(np.nanmean(far_over)),
        over_harder=_interval_over_people(covered[np.isfinite(covered)], seed),
        auc=telling_auc(chips, is_rendered, who, BELOW, seed),
        control_auc=telling_auc(chips, is_rendered, who, ABOVE, seed),
        hog_real=_fraction_found(groups["real"], readers.stock),
        hog_rendered=_fraction_found(groups["rendered"], readers.stock),
    )


def labelled(folder: Path) -> list[LabelledPhoto]:
    """The photographs of a folder with unmasked and masked people.

    Raises:
        MissingInput: it has only one sort.
        BadRecord: it has a kind of mask that we know no counterpart of.
    """
    photos = read_labelled_photos(folder)
    masked = [photo.mask for photo in photos if photo.masked]
    if not masked or len(masked) == len(photos):
        raise MissingInput(
            f"{folder}: expected photos without and with masks, found {len(masked)} "
            f"of {len(photos)}."
        )
    unknown = sorted({mask for mask in masked if mask.split("_")[0] not in _KINDS})
    if unknown:
        raise BadRecord(
            f"{folder}: unknown mask {unknown[0]!r}, expected a label that begins with "
            f"{', '.join(_KINDS)}."
        )
    return photos


def render_like_real(
    photos: list[LabelledPhoto], finder: Finder, variants: int, seed: int
) -> Shown:
    """Masks of our engine on the unmasked photos, of kinds drawn from the real labels.

    Args:
        finder: places the landmarks that masks are rendered on.
        variants: masks an unmasked photo.
    """
    labels = [photo.mask for photo in photos if photo.masked]
    shown: Shown = []
    for photo in (photo for photo in photos if not photo.masked):
        image = read_rgb(photo.path)
        faces = finder.find(image)
        for number in range(variants if faces else 0):
            rng = sample_rng(seed, f"{photo.name}#{number}")
            label = labels[int(rng.integers(len(labels)))]
            config = SpecConfig(kinds=(_KINDS[label.split("_")[0]],), wrongly_worn=0.0)
            sample = render(image, faces[0].landmarks, draw_specs(rng, config))
            shown.append((photo, as_written(sample.pixels)))
    return shown


def render_over_real(photos: list[LabelledPhoto], finder: Finder, seed: int) -> Shown:
    """A mask of our engine over each real mask, of the same kind.

    Args:
        finder: places the landmarks, of masked faces.
    """
    shown: Shown = []
    for photo in (photo for photo in photos if photo.masked):
        image = read_rgb(photo.path)
        for face in finder.find(image)[:1]:
            kind = _KINDS[photo.mask.split("_")[0]]
            specs = draw_specs(
                sample_rng(seed, photo.name), SpecConfig((kind,), wrongly_worn=0.0)
            )
            shown.append(
                (photo, as_written(render(image, face.landmarks, specs).pixels))
            )
    return shown


def peer_rendered(photos: list[LabelledPhoto], folder: Path, peer: Path) -> Shown:
    """A peer's masks on the unmasked photos of a labelled folder, matched by file name.

    Raises:
        MissingInput: none is named like an unmasked photo.
    """
    unmasked = {photo.path: photo for photo in photos if not photo.masked}
    shown = [
        (unmasked[original], as_written(read_rgb(path)))
        for path, original in originals_by_name(peer, folder)
        if original in unmasked
    ]
    if not shown:
        raise MissingInput(f"{peer}: no picture is named like an unmasked photo.")
    return shown


def _found(shown: Shown, readers: FaceReaders) -> list[FoundFace]:
    """The prominent face of each picture; pictures without one are left out."""
    found = []
    for photo, image in shown:
        faces = readers.finder.find(image)
        if not faces:
            continue
        marks, geometry = faces[0].landmarks, readers.embedder.geometry
        chip = crop_chip(image, marks, geometry, photo.name).pixels
        row = readers.embedder.embed(chip.transpose(2, 0, 1)[None])[0]
        looked_at = crop_chip(image, marks, CHIP, photo.name).pixels
        found.append(FoundFace(photo.person, photo.name, row, looked_at))
    return found


def pair_distances(masked: list[FoundFace], unmasked: list[FoundFace]) -> Distances:
    """Distances of each person's masked faces from unmasked ones of other photos."""
    distances: Distances = {}
    for one in masked:
        for other in unmasked:
            if one.person == other.person and one.photo != other.photo:
                gap = float(np.linalg.norm(one.embedding - other.embedding))
                distances.setdefault(one.person, []).append(gap)
    return distances


def _means(distances: Distances, people: list[str]) -> Float32:
    """Mean distance of each person, NaN without a pair: people weigh equally."""
    means = [np.mean(distances.get(person, [np.nan])) for person in people]
    return np.array(means, dtype=np.float32)


def _interval_over_people(values: Float32, seed: int) -> tuple[float, float]:
    """95% of the mean when people are drawn again."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(values), size=(_ROUNDS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _fraction_found(shown: Shown, finder: Finder) -> float:
    return float(np.mean([bool(finder.find(image)) for _, image in shown]))
