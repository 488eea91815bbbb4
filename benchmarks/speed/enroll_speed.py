"""How long one more person takes from their embedding until a search finds them."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shared.synthetic_people import draw_people
from index.gallery.gallery import Gallery, open_or_create_gallery
from index.search.open_search import build_snapshot, open_search
from masking.faces.aligned_faces import AlignedFace
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace
from training.metrics.score_normalization import Cohort

_TIMES = 20
_AT_ONCE = 1000
# As large as a stored thumbnail, and as slow to encode.
_CHIP_PX = 150


class DrawnEmbedder:
    """Stands for an embedder: vectors are drawn."""

    fingerprint = "f" * 64
    name = "drawn"
    dimension = 512
    metric = "euclidean"
    cohort: Cohort | None = None
    geometry = ChipGeometry(size_px=_CHIP_PX)

    def embed(self, chips: Image) -> Float32:
        """Not used."""
        raise NotImplementedError


@dataclass(frozen=True)
class EnrollFigures:
    """Wall time of enrolling one more person, embedding left out.

    Attributes:
        people: in the gallery before.
        times: how often it was measured.
        stored_ms: median from the embedding until the database has it.
        found_ms: median of the search after that, which finds the person.
        slowest_ms: the longest of both together.
        cpu_ms: median CPU time of both together, whatever else the machine did.
    """

    people: int
    times: int
    stored_ms: float
    found_ms: float
    slowest_ms: float
    cpu_ms: float


def measure_enroll(people: int) -> EnrollFigures:
    """Add people one by one to a gallery with an open search."""
    drawn = draw_people(people + _TIMES, 1, 1, seed=people)
    with tempfile.TemporaryDirectory() as folder:
        gallery = open_or_create_gallery(Path(folder) / "gallery", DrawnEmbedder())
        for start in range(0, people, _AT_ONCE):
            end = min(start + _AT_ONCE, people)
            rows = zip(range(start, end), drawn.templates[start:end], strict=True)
            gallery.add([drawn_photo(_name(i), vector) for i, vector in rows])
        build_snapshot(gallery)
        with open_search(gallery) as search:
            # Rows: stored and found at, in wall time, and both in CPU time.
            seconds = np.empty((3, _TIMES))
            chips = np.random.default_rng(0).integers(
                0, 256, (_TIMES, _CHIP_PX, _CHIP_PX, 3), dtype=np.uint8
            )
            for number in range(_TIMES):
                vector = drawn.templates[people + number]
                started, cpu = time.perf_counter(), time.process_time()
                name = _name(people + number)
                gallery.add([drawn_photo(name, vector, chips[number])])
                half = time.perf_counter()
                best = search.nearest(vector, 1)[0]
                done, spent = time.perf_counter(), time.process_time()
                seconds[:, number] = half - started, done - half, spent - cpu
                _check(gallery, best.person_id, people + number)
        gallery.close()
    stored, found, cpu_ms = 1000 * np.median(seconds, axis=1)
    slowest = 1000 * (seconds[0] + seconds[1]).max()
    return EnrollFigures(
        people, _TIMES, float(stored), float(found), float(slowest), float(cpu_ms)
    )


def _check(gallery: Gallery, person_id: int, number: int) -> None:
    name = gallery.names([person_id]).get(person_id)
    if name != _name(number):
        raise RuntimeError(f"{_name(number)} was enrolled, but {name} was found")


def drawn_photo(
    name: str, vector: Float32, chip: Image | None = None
) -> tuple[str, EmbeddedFace]:
    """A photo to be added to a gallery of `DrawnEmbedder`.

    Args:
        chip: None = a tiny one, where it is not read again.
    """
    pixels = np.zeros((8, 8, 3), dtype=np.uint8) if chip is None else chip
    face = AlignedFace("drawn", name, crops=(pixels,))
    return name, EmbeddedFace(face, vector)


def _name(number: int) -> str:
    return f"Person {number}"
