"""The embedded sample is complete, its faces are found and can be told apart."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from masking.datasets.images import list_images, read_rgb
from masking.datasets.sample import sample_newcomers, sample_people
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import FaceFinder, read_faces, read_photo, unmasked_finder
from masking.files.model_files import RECOGNITION, dlib_model

# dlib takes a tenth of a second a chip, finding a face a third of that.
EMBEDDED_PEOPLE, EMBEDDED_PHOTOS, SOUGHT_PHOTOS = 8, 4, 2


def people_folders() -> list[Path]:
    return sorted(
        folder
        for root in (sample_people(), sample_newcomers())
        for folder in root.iterdir()
        if folder.is_dir()
    )


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    # The first stage of the default cascade: what it finds, the cascade finds.
    return unmasked_finder()


def test_sixty_people_and_two_newcomers_have_eight_photos_each() -> None:
    folders = people_folders()
    assert [len(list_images(folder)) for folder in folders] == [8] * len(folders)
    assert len(list(sample_people().iterdir())) == 60
    assert len(list(sample_newcomers().iterdir())) == 2
    photos = [photo for folder in folders for photo in list_images(folder)]
    assert {read_rgb(photo).shape for photo in photos} == {(250, 250, 3)}
    assert sum(photo.stat().st_size for photo in photos) < 8_000_000


def test_no_photo_is_there_twice() -> None:
    photos = [photo for folder in people_folders() for photo in list_images(folder)]
    small = [
        cv2.resize(read_rgb(photo), (16, 16), interpolation=cv2.INTER_AREA).ravel()
        for photo in photos
    ]
    assert len(np.unique(np.stack(small), axis=0)) == len(photos)


def test_dlib_finds_at_least_95_percent_of_the_faces(finder: FaceFinder) -> None:
    folders = [list_images(folder) for folder in people_folders()]
    photos = [photo for photos in folders for photo in photos[-SOUGHT_PHOTOS:]]
    found = [len(finder.find(read_rgb(photo))) == 1 for photo in photos]
    assert np.mean(found) >= 0.95


def test_dlibs_embedder_tells_the_people_apart(finder: FaceFinder) -> None:
    network = dlib.face_recognition_model_v1(str(dlib_model(RECOGNITION)))
    folders = people_folders()
    # Every few folders, and the newcomers, who come last or first by name.
    chosen = folders[:: -(-len(folders) // EMBEDDED_PEOPLE)]
    chosen = sorted({*chosen, *(f for f in folders if f.parent == sample_newcomers())})
    rows, owners = [], []
    for number, folder in enumerate(chosen):
        for photo in list_images(folder)[:EMBEDDED_PHOTOS]:
            found = read_faces(read_photo(photo), finder, [ChipGeometry()])
            for face in found.faces[:1]:
                pixels = np.array(face.crop)
                rows.append(np.array(network.compute_face_descriptor(pixels)))
                owners.append(number)
    points, people = np.stack(rows), np.array(owners)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    pairs = np.triu_indices(len(points), k=1)
    same = (people[:, None] == people[None])[pairs]
    assert len(set(owners)) == len(chosen) and same.sum() > 3 * len(chosen)
    assert roc_auc_score(same, -distances[pairs]) >= 0.99
