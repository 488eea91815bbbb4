"""Remembers the faces found in a picture, because finding them takes a while."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from masking.faces import finder as face_finding
from masking.faces.detector import FaceBox
from masking.faces.finder import Face, Finder
from masking.faces.model_files import MODELS
from masking.files.shipped import TABLE
from masking.files.writing import private_folder, write_bytes
from masking.landmarks import Image, Landmarks

FORMAT_VERSION = 1


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
