"""How fast people are found, and how often the right one, against the usual ways.

    python -m benchmarks.speed.search_speed --people 1000,100000

People are synthetic, with the spread of real embeddings; probes are masked. Times are
CPU time on this machine, so that other work on it does not count. Peers: the way of
the package face_recognition, which compares with every encoding of every photo
(face_recognition.face_distance), and plain numpy on one template a person.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.synthetic_people import SyntheticPeople, draw_people
from index.engines.annoy_index import TREES, AnnoySearch, build_trees, search_k_of
from index.engines.neighbours import ExactSearch, Int64, NeighbourSearch, Templates
from masking.landmarks import Float32

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


def measure(people: int, probes: int = PROBES) -> list[SpeedFigures]:
    """All ways on the same people and probes."""
    all_photos = people <= _EVERY_ENCODING_UP_TO
    drawn = draw_people(people, PHOTOS, probes, people, all_photos)
    truth = ExactSearch(templates_of(drawn)).nearest_rows(drawn.probes)[0]
    rows: list[SpeedFigures] = []
    for way, note, find in _ways(drawn):
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


def _ways(drawn: SyntheticPeople) -> Iterator[tuple[str, str, Find]]:
    """Ways with what is to be said about them; each is dropped before the next."""
    if len(drawn.photos):
        encodings = drawn.photos.reshape(-1, drawn.photos.shape[2]).astype(np.float64)
        yield FACE_RECOGNITION, f"{PHOTOS} photos a person", _every_encoding(encodings)
        del encodings
    yield PLAIN, "one template a person", _plain(drawn.templates)
    templates = templates_of(drawn)
    yield "exact", "", _finder(ExactSearch(templates))
    started = time.process_time()
    trees, search_k = build_trees(templates), search_k_of(len(templates.matrix))
    seconds = time.process_time() - started
    # With half of the nodes it must miss more, or the table asks for too many.
    for way, nodes in zip(ANNOY, (search_k, search_k // 2), strict=True):
        note = f"{TREES} trees, built in {seconds:.1f} s, search_k {nodes}"
        yield way, note, _finder(AnnoySearch(templates, trees, nodes))


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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(people: str, probes: int, as_json: bool) -> None:
    """Compare the ways to search among as many PEOPLE."""
    sizes = [int(number) for number in people.split(",")]
    rows = [row for size in sizes for row in measure(size, probes)]
    if as_json:
        click.echo(json.dumps({"search": [asdict(row) for row in rows]}))
        return
    click.echo("   people  way                      recall  agrees   CPU ms   ratio")
    for row in rows:
        click.echo(
            f"{row.people:>9,}  {row.way:<24}{row.recall:>7.3f}{row.agrees:>8.4f}"
            f"{row.ms:>9.3f}{row.ratio:>8.1f}  {row.note}"
        )


if __name__ == "__main__":
    main()
