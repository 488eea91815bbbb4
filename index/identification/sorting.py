"""Photographs into a folder a person, unknown ones grouped by likeness."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.calibration.decision import calibration_of
from index.gallery.gallery import Gallery
from index.gallery.storage.store import NO_FACE, UNSURE
from index.identification.recogniser import decided_by
from masking.errors import BadRecord, InvalidConfig, UnreadableImage
from masking.faces.finder import Finder, read_faces, read_photo
from masking.files.writing import private_folder
from training.embedders.embedded_face import (
    EmbeddedFace,
    Embedder,
    embed_faces,
    network_input,
)
from training.embedders.mask_classifier import mask_states
from training.metrics.score_normalization import squared_distances

# scikit-learn wants a threshold that is not negative.
_SHIFT = 10.0


@dataclass
class SortReport:
    """What became of the photographs.

    Attributes:
        folders: how many photos each folder got.
        unread: photo -> why it is in none.
    """

    folders: dict[str, int] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """2 when a picture could not be read, else 0."""
        return 2 if self.unread else 0


def sort_photos(
    photos: Sequence[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: Finder,
    out: Path,
    link: bool,
) -> SortReport:
    """Copy each photo into the folder of whom its most prominent face shows.

    That face counts as it does for `enroll --folder`, which takes the result.

    Args:
        gallery: may be empty: then everybody is unknown.
        out: new or empty; gets the folders NAME, unknown-01, ... from the largest group
            on, UNSURE for faces of whom several names are likely, and NO_FACE.
        link: make hard links instead of copies.

    Raises:
        InvalidConfig: `out` holds something, or lies in a folder of photos.
        EmbedderMismatch: the gallery belongs to another embedder.
        OSError: a photo cannot be copied or linked.
    """
    gallery.check_embedder(embedder)
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise InvalidConfig(
            f"{out}: is there already and not an empty folder. Photos are sorted into "
            "a new one, so that nothing is replaced."
        )
    report, unknown = SortReport(), dict[Path, EmbeddedFace]()
    decide = decided_by(gallery, embedder)
    put = _Putter(private_folder(out), report, os.link if link else _copy)
    for path in photos:
        try:
            face = _face(path, embedder, finder)
        except (UnreadableImage, BadRecord) as error:
            report.unread[str(path)] = str(error)
            continue
        if face is None:
            put(path, NO_FACE)
            continue
        names = decide(face).names if gallery.size else ()
        if names:
            put(path, names[0] if len(names) == 1 else UNSURE)
        else:
            unknown[path] = face
    groups = group_faces(list(unknown.values()), gallery, embedder)
    for path, group in zip(unknown, groups, strict=True):
        put(path, f"unknown-{group + 1:02d}")
    return report


def _face(path: Path, embedder: Embedder, finder: Finder) -> EmbeddedFace | None:
    """The most prominent face.

    Raises:
        UnreadableImage: no photo; or a link, which may lead anywhere.
        BadRecord: it cannot be embedded.
    """
    if path.is_symlink():
        raise UnreadableImage(f"{path}: is a link, which is not followed.")
    photo = read_faces(read_photo(path), finder, [embedder.geometry])
    found = embed_faces(embedder, photo.faces[:1])
    return found[0] if found else None


def group_faces(
    faces: Sequence[EmbeddedFace], gallery: Gallery, embedder: Embedder
) -> NDArray[np.int64]:
    """(N,) numbers of groups of one person each, 0 for the largest.

    Average linkage over how far two faces are from being accepted as one person in a
    gallery of all of these faces.
    """
    if len(faces) < 2:
        return np.zeros(len(faces), np.int64)
    from sklearn.cluster import AgglomerativeClustering

    rows = np.array([face.embedding for face in faces])
    crops = network_input([face.face.crop for face in faces])
    states = mask_states(crops, embedder.geometry)
    masked = np.array([state.is_masked for state in states], dtype=np.int64)
    calibration, _ = calibration_of(gallery)
    limits = np.array(
        [
            [calibration.threshold(len(faces), 0.01, bool(a), bool(b)) for b in (0, 1)]
            for a in (0, 1)
        ]
    )
    # Of a pair it is not said which is the probe.
    limits = np.minimum(limits, limits.T)
    excess = squared_distances(rows, rows, embedder.cohort) - limits[masked][:, masked]
    clusters = AgglomerativeClustering(
        n_clusters=None,
        metric="precomputed",
        linkage="average",
        distance_threshold=_SHIFT,
    )
    found = clusters.fit_predict(excess + _SHIFT)
    order = np.argsort(-np.bincount(found), kind="stable")
    return np.asarray(np.argsort(order)[found], np.int64)


@dataclass(frozen=True)
class _Putter:
    out: Path
    report: SortReport
    transfer: Callable[[Path, Path], object]

    def __call__(self, photo: Path, folder: str) -> None:
        home, number = private_folder(self.out / folder), 1
        while True:
            ending = "" if number == 1 else f"-{number}"
            try:
                self.transfer(photo, home / f"{photo.stem}{ending}{photo.suffix}")
                break
            except FileExistsError:
                # Photos of other folders may have the same name.
                number += 1
        self.report.folders[folder] = self.report.folders.get(folder, 0) + 1


def _copy(photo: Path, target: Path) -> None:
    with photo.open("rb") as read, target.open("xb") as written:
        shutil.copyfileobj(read, written)
