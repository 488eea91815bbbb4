"""Masked celebrities looked for among a crowd and one unmasked photo of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.shared.decided_probes import (
    OpenSetFigures,
    Probes,
    decide_all,
    figures,
    mean_templates,
)
from benchmarks.shared.embedded_photos import EmbeddingStore, MaskStateRows, states_of
from index.calibration.calibration import STATES, Calibration, shipped_calibration
from index.calibration.decision import nearness
from index.datasets.views import read_labelled_photos
from index.gallery.storage.store import MOST_PEOPLE
from masking.datasets.collections import LabelledPhoto
from masking.errors import InvalidConfig
from training.embedders.embedded_face import Embedder
from training.metrics.score_normalization import EmbeddedFaces

FPIR = 0.01


def celebrity_figures(
    everybody: Sequence[LabelledPhoto],
    celebrities: Path,
    store: EmbeddingStore,
    networks: Sequence[Embedder],
) -> list[OpenSetFigures]:
    """Really masked and other unmasked photos of the celebrities, and impostors.

    The gallery holds the mean template of everybody and one unmasked photo of each
    celebrity, the first by name. Somebody of the same name among everybody is left
    out, as the celebrity would be found by those photos. Each celebrity is also
    identified as an impostor, in the gallery without their photo.
    """
    known = read_labelled_photos(celebrities)
    stars = {_letters(photo.person) for photo in known}
    others = [photo for photo in everybody if _letters(photo.person) not in stars]
    other_views = store.embedded(others, networks)
    views = store.embedded(known, [*networks, MaskStateRows()])
    names, other_people = np.unique([p.person for p in others], return_inverse=True)
    _, people = np.unique([p.person for p in known], return_inverse=True)
    people = (people + len(names)).astype(np.int32)
    enrolled = _first_unmasked(known, people)
    rows = []
    for number, network in enumerate(networks):
        calibration = shipped_calibration(network.fingerprint)
        if calibration is None:
            raise InvalidConfig(f"no calibration ships for {network.name}.")
        owners = other_people.astype(np.int32)
        crowd = (
            other_views.faces(number, owners, network.cohort),
            other_views.reference_faces(number, owners, network.cohort),
        )
        mass = mean_templates(*crowd)
        calibration = calibration.stricter(_nearness(calibration, *crowd))
        faces = views.faces(number, people.astype(np.int32), network.cohort)
        under = views.reference_faces(number, people.astype(np.int32), network.cohort)
        few = mean_templates(faces[enrolled], under[enrolled])
        templates = mass.joined(few)
        for kind, of_kind in (("unmasked", ~views.masked), ("masked", views.masked)):
            chosen = of_kind & ~enrolled
            probes = Probes(faces[chosen], states_of(views.embeddings[-1][chosen]))
            found = decide_all(probes, templates, calibration, FPIR, False)
            strange = decide_all(probes, templates, calibration, FPIR, True)
            size = len(templates.people)
            rows.append(figures(network.name, f"{kind} stars", size, found, strange))
    return rows


def _nearness(
    calibration: Calibration, faces: EmbeddedFaces, references: EmbeddedFaces
) -> dict[str, float]:
    """Of as many people as a gallery looks at."""
    people = np.unique(faces.people)
    some = np.random.default_rng(0).permutation(people)[:MOST_PEOPLE]
    chosen = faces.acquired & np.isin(faces.people, some)
    rows = (faces[chosen], references[chosen])
    return nearness(calibration, dict(zip(STATES, rows, strict=True)))


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalpha())


def _first_unmasked(photos: Sequence[LabelledPhoto], people: np.ndarray) -> np.ndarray:
    """(V,) bool: the first unmasked photograph of each person."""
    chosen = np.zeros(len(photos), dtype=bool)
    seen: set[int] = set()
    for row in sorted(range(len(photos)), key=lambda number: photos[number].name):
        if not photos[row].masked and int(people[row]) not in seen:
            seen.add(int(people[row]))
            chosen[row] = True
    return chosen
