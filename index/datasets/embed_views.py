"""Views to embeddings, batch by batch, for several embedders at once.

The faces found in a picture are remembered, because finding them takes a while.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.datasets.views import View
from masking.datasets.collections import NO_MASK
from masking.faces import finder as face_finding
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import Face, Finder
from masking.files.model_files import MODELS, TABLE
from masking.files.writing import private_folder, write_bytes
from masking.landmarks import FaceBox, Float32, Image, Landmarks
from training.embedders.embedded_face import Embedder, embed_both, network_input
from training.metrics.score_normalization import Cohort, EmbeddedFaces, Indices

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class EmbeddedViews:
    """The embeddings of all views by all embedders.

    Attributes:
        photos: (V,) int32, number of the photograph of each view.
        masks: (V,) kind of mask, NO_MASK without one.
        detectors: (V,) stage that found the face, "" when not acquired.
        failures: (V,) why a face was not acquired; "" when it was.
        embeddings: one (V, D) float32 per embedder, NaN rows when not acquired.
        masked_references: likewise what masked faces are compared with: of unmasked
            faces see `training.embedders.embedded_face`, of masked ones the
            embeddings themselves.
        unread: numbers of the photographs that could not be read.
        sha256s: of the files of the others.
    """

    photos: Indices
    masks: tuple[str, ...]
    detectors: tuple[str, ...]
    failures: tuple[str, ...]
    embeddings: tuple[Float32, ...]
    masked_references: tuple[Float32, ...]
    unread: frozenset[int] = frozenset()
    sha256s: frozenset[str] = frozenset()

    @property
    def masked(self) -> NDArray[np.bool_]:
        """(V,) bool: the view shows a mask."""
        return np.array([mask != NO_MASK for mask in self.masks], dtype=bool)

    def unread_reasons(self) -> list[str]:
        """Why each of `unread` could not be read, in their order."""
        reasons = dict(zip(self.photos.tolist(), self.failures, strict=True))
        return [reasons[number] for number in sorted(self.unread)]

    def faces(
        self, embedder: int, people: Indices, cohort: Cohort | None
    ) -> EmbeddedFaces:
        """All views by one embedder.

        Args:
            people: (photos,) the person of each photograph.
            cohort: the embedder's.
        """
        rows = self.embeddings[embedder]
        return EmbeddedFaces(rows, people[self.photos], self.photos, cohort)

    def reference_faces(
        self, embedder: int, people: Indices, cohort: Cohort | None
    ) -> EmbeddedFaces:
        """`faces`, as masked ones are compared with them."""
        rows = self.masked_references[embedder]
        return EmbeddedFaces(rows, people[self.photos], self.photos, cohort)


def geometries_of(embedders: Sequence[Embedder]) -> tuple[ChipGeometry, ...]:
    """The different chips that the embedders read, each once."""
    return tuple(dict.fromkeys(embedder.geometry for embedder in embedders))


def embed_views(
    views: Iterable[View],
    embedders: Sequence[Embedder],
    batch_size: int,
    references: bool = True,
) -> EmbeddedViews:
    """Embed views whose chips are those of `geometries_of(embedders)`.

    Chips are dropped batch by batch; millions of views need only their vectors.

    Args:
        references: whether masked references are wanted, which take as long again;
            else they are the embeddings themselves.
    """
    stream = iter(views)
    photos: list[int] = []
    masks: list[str] = []
    detectors: list[str] = []
    failures: list[str] = []
    unread: set[int] = set()
    sha256s: set[str] = set()
    parts: list[list[Float32]] = [[] for _ in embedders]
    unders: list[list[Float32]] = [[] for _ in embedders]
    while batch := list(islice(stream, batch_size)):
        for number, embedder in enumerate(embedders):
            chosen = geometries_of(embedders).index(embedder.geometry)
            rows, under = _embed_batch(batch, embedder, chosen, references)
            parts[number].append(rows)
            unders[number].append(under)
        photos += [view.photo for view in batch]
        masks += [view.mask for view in batch]
        detectors += [view.face.box.detector for view in batch]
        failures += [view.face.failure for view in batch]
        sha256s |= {view.face.sha256 for view in batch if not view.face.unread}
        unread |= {view.photo for view in batch if view.face.unread}
    empty = [np.empty((0, embedder.dimension), np.float32) for embedder in embedders]
    return EmbeddedViews(
        np.array(photos, dtype=np.int32),
        tuple(masks),
        tuple(detectors),
        tuple(failures),
        tuple(
            np.concatenate([first, *rows])
            for first, rows in zip(empty, parts, strict=True)
        ),
        tuple(
            np.concatenate([first, *rows])
            for first, rows in zip(empty, unders, strict=True)
        ),
        frozenset(unread),
        frozenset(sha256s),
    )


def _embed_batch(
    batch: list[View], embedder: Embedder, chosen: int, references: bool
) -> tuple[Float32, Float32]:
    """(B, D) float32 embeddings and masked references; NaN rows without a face."""
    rows = np.full((len(batch), embedder.dimension), np.nan, dtype=np.float32)
    under = rows.copy()
    acquired = [number for number, view in enumerate(batch) if view.face.crops]
    if not acquired:
        return rows, under
    chips = network_input([batch[number].face.crops[chosen] for number in acquired])
    covered = [references and not batch[number].masked for number in acquired]
    embeddings, found = embed_both(embedder, chips, np.array(covered))
    rows[acquired] = under[acquired] = embeddings
    for number, vector in zip(acquired, found, strict=True):
        if vector is not None:
            under[number] = vector
    return rows, under


class RememberingFinder:
    """A finder that looks at each picture once.

    The key is the pixels that were looked at, so a changed photograph or mask is
    a new picture. Records hold boxes and points, no part of the picture.
    """

    def __init__(self, finder: Finder, folder: Path, finder_id: str):
        self._finder, self._folder, self._id = finder, folder, finder_id

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture, the most prominent first."""
        seen = hashlib.sha256(f"{self._id} {image.shape} ".encode())
        seen.update(image.tobytes())
        path = self._folder / seen.hexdigest()[:2] / f"{seen.hexdigest()}.json"
        remembered = _faces(path)
        if remembered is not None:
            return remembered
        faces = self._finder.find(image)
        rows = [*map(_record, faces)]
        record = {
            "format_version": FORMAT_VERSION,
            "faces": rows,
            "sha256": _hash(rows),
        }
        private_folder(path.parent)
        write_bytes(path, json.dumps(record).encode())
        return faces

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`; quick, so not remembered."""
        return self._finder.landmarks_in(image, box)


@dataclass(frozen=True)
class RememberingFinders:
    """Builds a process's finder that remembers; picklable."""

    make_finder: Callable[[], Finder]
    folder: Path

    def __call__(self) -> RememberingFinder:
        finder_id = finder_identity(self.make_finder)
        return RememberingFinder(self.make_finder(), self.folder, finder_id)


def finder_identity(make_finder: Callable[[], Finder]) -> str:
    """Hex SHA-256 of the code that makes a finder and of the models of the project.

    Any edit there starts afresh, which costs time but never gives old faces.
    """
    # Functions print as "<function default_finder at 0x7f...>".
    identity = hashlib.sha256(repr(make_finder).split(" at 0x")[0].encode())
    named = inspect.isfunction(make_finder) or inspect.isclass(make_finder)
    maker: Any = make_finder if named else type(make_finder)
    source = Path(inspect.getsourcefile(maker) or face_finding.__file__)
    code = sorted(Path(face_finding.__file__).parent.glob("*.py"))
    # Whoever loads a model sees to it that its hash is the one in this table.
    for path in [source, *code, MODELS / TABLE]:
        identity.update(hashlib.sha256(path.read_bytes()).digest())
    return identity.hexdigest()


def _record(face: Face) -> dict[str, Any]:
    points = face.landmarks.points.tolist()
    return {"box": asdict(face.box), "points": points}


def _hash(rows: object) -> str:
    """Of what a record holds: another digit of a point would be another face."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _faces(path: Path) -> list[Face] | None:
    """The faces of a record; None when there is none that can be read."""
    try:
        record = json.loads(path.read_bytes())
        if record["format_version"] != FORMAT_VERSION:
            return None
        if record["sha256"] != _hash(record["faces"]):
            return None
        return [
            Face(FaceBox(**face["box"]), Landmarks(face["points"]))
            for face in record["faces"]
        ]
    # A damaged record costs a second look, as if it were not there.
    except (OSError, ValueError, TypeError, KeyError):
        return None
