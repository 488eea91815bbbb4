"""Impostors to thresholds: photographs or chips of people who are not enrolled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from index.calibration.calibration import Calibration
from index.calibration.check import Check, check_views
from index.calibration.decision import MeanFaces, reference_calibration
from index.calibration.fit import HeldOutFaces, OtherPeople, fit_calibration
from index.datasets.embed_views import (
    EmbeddedViews,
    RememberingFinders,
    embed_views,
    geometries_of,
)
from index.datasets.views import ALL_KINDS, ViewPlan, all_views, mask_renderer
from index.engines.neighbours import MASKED, UNMASKED, vectors_and_offsets
from index.gallery.gallery import Gallery
from masking.augment.manifest import Manifest, ManifestRow
from masking.datasets.collections import LabelledPhoto
from masking.errors import InvalidConfig
from masking.faces.finder import Finder
from masking.files.text import normal_form
from masking.landmarks import Float32
from training.data.chip_dataset import CALM, MISALIGNED, embed_rows
from training.embedders.embedded_face import Embedder, check_embedding
from training.metrics.score_normalization import EmbeddedFaces, Indices

# Of one person no more photos, and no more people, are looked at: enough for a
# impostor in a thousand.
_MOST_PHOTOS, _MOST_PEOPLE = 6, 4000
_BATCH = 64


def calibrate_on_photos(
    gallery: Gallery,
    photos: Sequence[LabelledPhoto],
    embedder: Embedder,
    masks: int,
    workers: int,
    found_faces: Path,
    make_finder: Callable[[], Finder],
) -> tuple[Calibration, list[str]]:
    """Calibrate a gallery on photographs of impostors, and keep it.

    Without a masked photograph among them, masks are rendered and the faces found
    again under them.

    Args:
        photos: of impostors. Who is enrolled, by name or by photo, is left out of
            the templates and does no harm.
        masks: rendered on each photo.
        found_faces: folder that remembers detections.

    Returns:
        The calibration, and why each photograph that could not be read was not.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        TooFewImpostors: nothing can be said about one in a hundred.
    """
    gallery.check_embedder(embedder)
    names, people = _numbered(photos)
    rendered = not any(photo.masked for photo in photos)
    finders = RememberingFinders(make_finder, found_faces)
    unmasked, masked_references, masked = [], [], []
    unread: list[str] = []
    shas: Collection[str] = ()
    for seed in range(masks if rendered else 1):
        embedded = _embedded(photos, embedder, seed, workers, finders)
        unread, shas = embedded.unread_reasons(), embedded.sha256s
        faces = embedded.faces(0, people, embedder.cohort)
        masked.append(faces[embedded.masked])
        unmasked.append(faces[~embedded.masked])
        under = embedded.reference_faces(0, people, embedder.cohort)
        masked_references.append(under[~embedded.masked])
    kind = f"{masks} synthetic masks" if rendered else "their masks"
    source = f"photos of {len(names)} impostors, unmasked and with {kind}"
    own = own_people(gallery, set(names), shas)
    references, under_masks = masked_references[0], EmbeddedFaces.joined(masked)
    held_out = HeldOutFaces(unmasked[0], references, under_masks)
    return _fitted(gallery, held_out, own, source), unread


def check_on_photos(
    calibration: Calibration,
    photos: Sequence[LabelledPhoto],
    embedder: Embedder,
    fpir: float,
    workers: int,
    found_faces: Path,
    make_finder: Callable[[], Finder],
) -> tuple[list[Check], list[str]]:
    """What a calibration is worth on photographs of people, see `check_views`.

    Args:
        photos: masks are rendered on them where nobody wears one.
        found_faces: folder that remembers detections.

    Returns:
        The rates, and why each photograph that could not be read was not.
    """
    _, people = _numbered(photos)
    finders = RememberingFinders(make_finder, found_faces)
    views = _embedded(photos, embedder, 0, workers, finders)
    checks = check_views(views, people, embedder, calibration, fpir)
    return checks, views.unread_reasons()


def _numbered(photos: Sequence[LabelledPhoto]) -> tuple[list[str], Indices]:
    """The people's names, and the number of each photograph's person."""
    names, numbers = np.unique([photo.person for photo in photos], return_inverse=True)
    return names.tolist(), numbers.astype(np.int32)


def _embedded(
    photos: Sequence[LabelledPhoto],
    embedder: Embedder,
    seed: int,
    workers: int,
    finders: RememberingFinders,
) -> EmbeddedViews:
    """As they are, and with a synthetic mask each where nobody wears one."""
    rendered = not any(photo.masked for photo in photos)
    renderer = mask_renderer(seed, ALL_KINDS) if rendered else None
    plan = ViewPlan(geometries_of([embedder]), renderer=renderer)
    views = all_views(photos, plan, workers, finders)
    return embed_views(views, [embedder], _BATCH)


def calibrate_on_chips(
    gallery: Gallery,
    manifest: Manifest,
    impostors: Sequence[ManifestRow],
    embedder: Embedder,
    masks: int,
    workers: int,
) -> Calibration:
    """Calibrate a gallery on the chips of an augmented folder, and keep it.

    Args:
        impostors: rows of people whom the embedder was not trained on. Their own
            templates are left out, so it does not matter that they are enrolled.
        masks: rendered on each chip.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        TooFewImpostors: nothing can be said about one in a hundred.
        InvalidConfig: chips that are aligned in another way.
        BadRecord: the embedding of an impostor is not finite.
    """
    gallery.check_embedder(embedder)
    check_alignment(manifest, embedder)
    rows = _some(impostors)
    names, numbers = np.unique([row.identity for row in rows], return_inverse=True)
    people, photos = numbers.astype(np.int32), np.arange(len(rows), dtype=np.int32)

    def embedded(seed: int | None, cover: bool = False) -> EmbeddedFaces:
        matrix = _chip_embeddings(manifest, rows, embedder, workers, seed, cover)
        return EmbeddedFaces(matrix, people, photos, embedder.cohort)

    masked = EmbeddedFaces.joined([embedded(seed) for seed in range(1, masks + 1)])
    source = (
        f"{len(names)} validation people, unmasked and with {masks} synthetic masks"
    )
    shas = {row.sha256 for row in rows}
    own = own_people(gallery, {row.identity for row in rows}, shas)
    held_out = HeldOutFaces(embedded(None), embedded(None, True), masked)
    return _fitted(gallery, held_out, own, source)


def check_alignment(manifest: Manifest, embedder: Embedder) -> None:
    """Raise InvalidConfig unless the chips are aligned as the embedder reads them."""
    found, wanted = manifest.geometry.points, embedder.geometry.points
    if found != wanted:
        raise InvalidConfig(
            f"{manifest.folder}: its chips are aligned by the {found} points, the "
            f"embedder {embedder.name} reads chips aligned by the {wanted} ones. Run "
            "again: python cli.py augment"
        )


def own_people(
    gallery: Gallery, names: Collection[str], sha256s: Collection[str]
) -> set[int]:
    """Numbers of enrolled people who are among the impostors, by name or by photo.

    By photograph too, as a person may have been renamed or enrolled under another
    name: a single one would put genuine pairs among the nearest impostors.
    """
    known = {normal_form(name) for name in names}
    named = {person.person_id for person in gallery.people() if person.name in known}
    return named | gallery.owners(sha256s)


def _fitted(
    gallery: Gallery, faces: HeldOutFaces, own: set[int], source: str
) -> Calibration:
    others = OtherPeople(*(_others(gallery, kind, own) for kind in (UNMASKED, MASKED)))
    reference, _ = reference_calibration(gallery.fingerprint, gallery.cohort)
    source = f"{source}; {len(others.unmasked.photos)} templates of others"
    calibration = fit_calibration(faces, others, source, reference)
    gallery.set_calibration(calibration.to_json())
    return calibration


def _others(gallery: Gallery, kind: str, own: set[int]) -> MeanFaces:
    """Templates of those who are not among the impostors."""
    templates = gallery.templates(kind)
    others = templates.where(~np.isin(templates.person_ids, list(own)))
    people = [int(person_id) for person_id in others.person_ids]
    counts = gallery.photo_counts(people)
    photos = [counts.get((i, kind == MASKED), 1) for i in people]
    vectors, offsets = vectors_and_offsets(others.matrix, gallery.cohort)
    return MeanFaces(vectors, np.array(photos, dtype=np.int64), offsets)


def _some(rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    """The first photos of the first people."""
    counts: dict[str, int] = {}
    kept = []
    for row in rows:
        if row.identity not in counts and len(counts) == _MOST_PEOPLE:
            continue
        counts[row.identity] = counts.get(row.identity, 0) + 1
        if counts[row.identity] <= _MOST_PHOTOS:
            kept.append(row)
    return kept


def _chip_embeddings(
    manifest: Manifest,
    rows: Sequence[ManifestRow],
    embedder: Embedder,
    workers: int,
    seed: int | None,
    cover: bool,
) -> Float32:
    """(N, D) of unmasked chips: as they are, masked references, or masked by a seed."""
    matrix = embed_rows(
        manifest,
        rows,
        embedder,
        workers,
        masked_fraction=0.0 if seed is None else 1.0,
        degradation=CALM if seed is None else MISALIGNED,
        seed=seed or 0,
        label="calibrate",
        masked_reference=cover,
    )
    for row, embedding in zip(rows, matrix, strict=True):
        check_embedding(embedding, row.photo_id)
    return matrix
