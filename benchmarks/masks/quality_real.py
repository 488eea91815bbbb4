"""Synthetic masks beside real ones: embedding distance, and a classifier's AUC.

Real are the masked photos of a folder with labels.csv (MFR2); rendered are masks on
the unmasked photos of the same people in it, of the same kinds in the same fractions
and worn correctly, so that camera, people, resolution and file format are alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.masks.quality_classifier import ABOVE, BELOW, CHIP, Auc, Told, telling
from benchmarks.masks.quality_photos import as_written, face_width_px
from index.datasets.views import read_labelled_photos
from masking.datasets.collections import LabelledPhoto
from masking.datasets.images import list_images, read_rgb
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import crop_chip
from masking.faces.finder import Finder
from masking.landmarks import Float32, Image
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.embedders.embedded_face import Embedder

# First words of MFR2's labels, and the kind that we render for each.
_KINDS = {
    "surgical": "surgical",
    "cloth": "cloth",
    "N95": "ffp2",
    "N99": "ffp2",
    "KN95": "kn95",
}
_ROUNDS = 1000
# Smaller faces are blurred in the chip that is looked at.
_LEAST_WIDTH_PX = 60

Shown = list[tuple[LabelledPhoto, Image]]
Distances = dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One found face.

    Attributes:
        person, photo: who, and on which photograph.
        kind: of the mask, as we call it; "" where it is not known.
        embedding: of the untouched network; chip: what is looked at.
    """

    person: str
    photo: str
    kind: str
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
        auc, control_auc: see `telling`; with 95% intervals.
        auc_of_draws: mean of this AUC over draws of masks: one says little, as they
            differ by .1.
        by_kind: the AUC of each kind of mask.
        others: (AUC, its control) against the faces of other folders, by their names.
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
    auc_of_draws: float
    by_kind: dict[str, Auc]
    others: dict[str, tuple[Auc, Auc]]
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
    others: dict[str, Shown],
    readers: FaceReaders,
    seed: int,
    more_draws: Iterable[Shown] = (),
) -> RealFigures:
    """Figures of rendered pictures beside the masked photos of a labelled folder.

    Args:
        rendered: masks on its unmasked photos; `more_draws`: other masks on these.
        over: masks on its masked photos, see `render_over_real`.
        others: more really masked people, see `masked_people`.
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
    told, control = _told(real, ours, seed)
    drawn = (_told(real, _found(shown, readers), seed) for shown in more_draws)
    aucs = [told.auc[0], *(found.auc[0] for found, _ in drawn)]
    beside = {name: _told(_found(o, readers), ours, seed) for name, o in others.items()}
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
        auc=told.auc,
        control_auc=control.auc,
        auc_of_draws=float(np.mean(aucs)),
        by_kind=told.by_kind,
        others={name: (both[0].auc, both[1].auc) for name, both in beside.items()},
        hog_real=_fraction_found(groups["real"], readers.stock),
        hog_rendered=_fraction_found(groups["rendered"], readers.stock),
    )


def _told(real: list[FoundFace], ours: list[FoundFace], seed: int) -> tuple[Told, Told]:
    """By the lower halves, and by the upper ones, which no mask touches."""
    faces = real + ours
    below, above = (
        telling(
            [face.chip for face in faces],
            [False] * len(real) + [True] * len(ours),
            [face.person for face in faces],
            [face.kind for face in faces],
            part,
            seed,
        )
        for part in (BELOW, ABOVE)
    )
    return below, above


def masked_people(folder: Path) -> Shown:
    """All pictures of a folder without labels, each of another masked person."""
    return [
        (LabelledPhoto(path, path.name, path.name, "mask"), as_written(read_rgb(path)))
        for path in list_images(folder)
    ]


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
            worn = replace(photo, mask=label)
            shown.append((worn, as_written(sample.pixels)))
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


def _found(shown: Shown, readers: FaceReaders) -> list[FoundFace]:
    """The prominent face of each picture, if it is not too small."""
    found = []
    for photo, image in shown:
        faces = readers.finder.find(image)
        if not faces:
            continue
        marks, geometry = faces[0].landmarks, readers.embedder.geometry
        if face_width_px(marks) < _LEAST_WIDTH_PX:
            continue
        chip = crop_chip(image, marks, geometry, photo.name).pixels
        row = readers.embedder.embed(chip.transpose(2, 0, 1)[None])[0]
        kind = _KINDS.get(photo.mask.split("_")[0], "")
        looked_at = crop_chip(image, marks, CHIP, photo.name).pixels
        found.append(FoundFace(photo.person, photo.name, kind, row, looked_at))
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
