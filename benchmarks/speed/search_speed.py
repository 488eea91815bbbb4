"""How fast people are found, and how often the right one, against the usual ways.

    python -m benchmarks.speed.search_speed --people 1000,100000

People are synthetic, with the spread of real embeddings; probes are masked. Times are
CPU time on this machine, so that other work on it does not count. Peers: the way of
the package face_recognition, which compares with every encoding of every photo
(face_recognition.face_distance), and plain numpy on one template a person.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.synthetic_people import SyntheticPeople, draw_people
from index.engines.annoy_index import TREES, AnnoySearch, build_trees, search_k_of
from index.engines.milvus import Collection
from index.engines.neighbours import ExactSearch, Int64, NeighbourSearch, Templates
from index.gallery.gallery import Gallery, open_or_create_gallery
from index.search.milvus_source import MilvusSearch
from index.search.open_search import build_snapshot, open_search
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import AlignedFace
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


# Of each person; face_recognition keeps them all.
PHOTOS = 2
# A miss in a thousand has to show.
PROBES = 1000
_TIMED = 15
# Of more, the encodings of all photos take more memory than most machines have.
_EVERY_ENCODING_UP_TO = 100_000
_GALLERY_ID = "0" * 32
FACE_RECOGNITION, PLAIN = "face_recognition's way", "plain numpy"
ANNOY = ("annoy", "annoy, half as long")
_QUICK = ("exact", *ANNOY)
Find = Callable[[Float32], int]


@dataclass(frozen=True)
class SpeedFigures:
    """One way to search at one size.

    Attributes:
        people: one template each.
        recall: fraction of masked probes whose person is found first; higher is better.
        agrees: fraction of probes for which the answer is that of exact search.
        ms: median CPU time of a search, milliseconds.
        ratio: time of the first way divided by `ms`; higher is better.
        note: how it was set.
    """

    people: int
    way: str
    recall: float
    agrees: float
    ms: float
    ratio: float
    note: str = ""


def measure(people: int, milvus_up_to: int, probes: int = PROBES) -> list[SpeedFigures]:
    """All ways on the same people and probes."""
    all_photos = people <= _EVERY_ENCODING_UP_TO
    drawn = draw_people(people, PHOTOS, probes, people, all_photos)
    truth = ExactSearch(templates_of(drawn)).nearest_rows(drawn.probes)[0]
    rows: list[SpeedFigures] = []
    for way, note, find in _ways(drawn, people <= milvus_up_to):
        count = probes if way in _QUICK else min(_TIMED, probes)
        times, found = np.empty(count), np.empty(count, dtype=np.int64)
        for number, probe in enumerate(drawn.probes[:count]):
            started = time.process_time()
            found[number] = find(probe)
            times[number] = time.process_time() - started
        if way == FACE_RECOGNITION:
            # What it answers for the other probes, found quicker.
            found = _nearest_photos(drawn)
        elif way == PLAIN:
            found = truth
        ms = 1000 * float(np.median(times))
        recall = float((found == drawn.owners[: len(found)]).mean())
        agrees = float((found == truth[: len(found)]).mean())
        ratio = rows[0].ms / ms if rows else 1.0
        rows.append(SpeedFigures(people, way, recall, agrees, ms, ratio, note))
    return rows


def _ways(drawn: SyntheticPeople, milvus: bool) -> Iterator[tuple[str, str, Find]]:
    """Ways with what is to be said about them; each is dropped before the next."""
    if len(drawn.photos):
        encodings = drawn.photos.reshape(-1, drawn.photos.shape[2]).astype(np.float64)
        yield FACE_RECOGNITION, f"{PHOTOS} photos a person", _every_encoding(encodings)
        del encodings
    yield PLAIN, "one template a person", _plain(drawn.templates)
    templates = templates_of(drawn)
    people, dimension = templates.matrix.shape
    yield "exact", "", _finder(ExactSearch(templates))
    started = time.process_time()
    trees, search_k = build_trees(templates), search_k_of(people)
    seconds = time.process_time() - started
    # With half of the nodes it must miss more, or the table asks for too many.
    for way, nodes in zip(ANNOY, (search_k, search_k // 2), strict=True):
        note = f"{TREES} trees, built in {seconds:.1f} s, search_k {nodes}"
        yield way, note, _finder(AnnoySearch(templates, trees, nodes))
    del trees
    if milvus and importlib.util.find_spec("milvus_lite"):
        with tempfile.TemporaryDirectory() as folder:
            uri = str(Path(folder) / "templates.db")
            collection = Collection(uri, _GALLERY_ID, _GALLERY_ID, dimension)
            collection.version()
            collection.update(templates, np.empty(0, np.int64))
            note = f"milvus-lite, {_TIMED} probes"
            yield "milvus", note, _finder(MilvusSearch(collection))
            collection.close()


def _nearest_photos(drawn: SyntheticPeople) -> Int64:
    """(Q,) row of the person who has the photo nearest to each probe."""
    photos = drawn.photos.reshape(-1, drawn.photos.shape[2])
    ids = np.arange(len(photos))
    unmasked = np.zeros(len(photos), dtype=np.bool_)
    search = ExactSearch(Templates(_GALLERY_ID, 1, ids, unmasked, photos))
    return search.nearest_rows(drawn.probes)[0] // PHOTOS


def templates_of(drawn: SyntheticPeople) -> Templates:
    """Row i is person i + 1."""
    people = len(drawn.templates)
    ids = np.arange(1, people + 1)
    unmasked = np.zeros(people, dtype=np.bool_)
    return Templates(_GALLERY_ID, 1, ids, unmasked, drawn.templates)


def _every_encoding(encodings: NDArray[np.float64]) -> Find:
    def find(probe: Float32) -> int:
        # As face_recognition.face_distance; encodings there are float64.
        distances = np.linalg.norm(encodings - probe.astype(np.float64), axis=1)
        return int(distances.argmin()) // PHOTOS

    return find


def _plain(templates: Float32) -> Find:
    def find(probe: Float32) -> int:
        return int(np.linalg.norm(templates - probe, axis=1).argmin())

    return find


def _finder(search: NeighbourSearch) -> Find:
    def find(probe: Float32) -> int:
        return search.nearest(probe, 1)[0].person_id - 1

    return find


@click.command()
@click.option("--people", default="1000,100000", show_default=True, help="Sizes.")
@click.option("--probes", default=PROBES, show_default=True)
@click.option("--milvus-up-to", default=100_000, show_default=True)
@click.option(
    "--enroll",
    "sizes",
    default="1000,100000",
    show_default=True,
    help="Sizes of galleries to which one more person is added; empty for none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    people: str, probes: int, milvus_up_to: int, sizes: str, as_json: bool
) -> None:
    """Compare the ways to search among as many PEOPLE, and to add one more."""
    rows = [row for n in _numbers(people) for row in measure(n, milvus_up_to, probes)]
    enrolled = [measure_enroll(size) for size in _numbers(sizes)]
    if as_json:
        click.echo(
            json.dumps(
                {
                    "search": [asdict(row) for row in rows],
                    "enroll": [asdict(row) for row in enrolled],
                }
            )
        )
        return
    click.echo("   people  way                      recall  agrees   CPU ms   ratio")
    for row in rows:
        click.echo(
            f"{row.people:>9,}  {row.way:<24}{row.recall:>7.3f}{row.agrees:>8.4f}"
            f"{row.ms:>9.3f}{row.ratio:>8.1f}  {row.note}"
        )
    for figures in enrolled:
        click.echo(_enroll_line(figures))


def _enroll_line(figures: EnrollFigures) -> str:
    return (
        f"{figures.people:>9,}  one more person: {figures.stored_ms:.1f} ms to be "
        f"stored, {figures.found_ms:.1f} ms to be found; the slowest of "
        f"{figures.times}: {figures.slowest_ms:.1f} ms; CPU {figures.cpu_ms:.1f} ms"
    )


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


if __name__ == "__main__":
    main()
