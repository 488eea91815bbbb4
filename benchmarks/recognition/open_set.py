"""Open-set identification: who is found, and how many impostors are given a name.

People of a list are split at random into galleries and impostors, several times where
the galleries are few: look-alikes are, too. Galleries larger than --people are filled
up with everybody who is not on the list, by one photo each: distractors, who are never
looked for. Where the shipped embedder was trained on them, it keeps impostors away
from them, so FPIR is a little too good; the output says how many there are.

Every decision is the product's: thresholds and probabilities from the calibration that
ships with the embedder, the mask state as the model estimates it. dlib's untouched
network stands beside the shipped embedder, each with its own calibration.

    python -m benchmarks.recognition.open_set --photos data/lfw --names
    data/peopleDevTest.txt \
        --store workspace/open-set
    python -m benchmarks.recognition.open_set --photos data/lfw --names
    data/peopleDevTest.txt \
        --store workspace/open-set --sizes 5000
    python -m benchmarks.recognition.open_set --photos data/lfw --names
    data/peopleDevTest.txt \
        --store workspace/open-set --masked-celebrities data/mfr2-a
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from benchmarks.recognition.masked_celebrities import celebrity_figures
from benchmarks.shared.decided_probes import (
    Decided,
    OpenSetFigures,
    Probes,
    Templates,
    decide_all,
    figures,
    mean_templates,
)
from benchmarks.shared.embedded_photos import EmbeddingStore, MaskStateRows, states_of
from index.calibration.calibration import STATES, shipped_calibration
from index.calibration.decision import nearness
from index.datasets.embed_views import EmbeddedViews
from index.datasets.views import ALL_KINDS, mask_renderer, read_person_folders
from masking.augment.people_lists import people_found, read_names
from masking.datasets.collections import LabelledPhoto
from masking.errors import InvalidConfig
from training.checkpoints.store import choose_embedder
from training.embedders.embedded_face import Embedder
from training.metrics.score_normalization import EmbeddedFaces, Indices

FPIR = 0.01


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of an embedded collection, by what they are for; boolean masks.

    Attributes:
        people: (V,) person of each row.
        mated, impostors: numbers of people.
        enrolled: the rows that make the templates of `mated`, unmasked or masked ones.
        probes: rows to identify: other photos of `mated`, all of `impostors`.
    """

    people: Indices
    mated: Indices
    impostors: Indices
    enrolled: np.ndarray
    probes: np.ndarray


def _draw(seed: int, name: str) -> int:
    return zlib.crc32(f"{seed}/{name}".encode())


def split_people(
    photos: Sequence[LabelledPhoto],
    views: EmbeddedViews,
    count: int,
    seed: int,
    enroll_masked: bool = False,
    enrolled_photos: int = 0,
) -> Split:
    """`count` people for galleries, the others impostors; half the photos enrolled.

    The first of a person's photos, at random, are enrolled, rounded up; the others are
    probes, with and without a mask.

    Args:
        enroll_masked: enroll these photos with their masks, and only so.
        enrolled_photos: enroll so many of each, of people who have more; 0 = half.

    Raises:
        InvalidConfig: too few people.
    """
    names, numbers = np.unique([photo.person for photo in photos], return_inverse=True)
    order = np.argsort([_draw(seed, name) for name in names], kind="stable")
    if enrolled_photos:
        fewer = np.bincount(numbers)[order] <= enrolled_photos
        count = min(count, int((~fewer).sum()))
        order = order[np.argsort(fewer, kind="stable")]
    if not 2 <= count < len(names):
        raise InvalidConfig(f"{count} of {len(names)} people leave no impostors.")
    enrolled = np.zeros(len(photos), dtype=bool)
    for person in order[:count]:
        own = np.flatnonzero(numbers == person)
        draws = [_draw(seed, photos[int(photo)].name) for photo in own]
        chosen = own[np.argsort(draws, kind="stable")]
        enrolled[chosen[: enrolled_photos or -(-len(own) // 2)]] = True
    people = numbers.astype(np.int32)[views.photos]
    in_gallery = enrolled[views.photos]
    return Split(
        people,
        order[:count].astype(np.int32),
        order[count:].astype(np.int32),
        in_gallery & (views.masked == enroll_masked),
        ~in_gallery,
    )


def open_set_figures(
    network: Embedder,
    rows: EmbeddedFaces,
    references: EmbeddedFaces,
    states: np.ndarray,
    masked: np.ndarray,
    splits: Sequence[Split],
    size: int,
    fill: Templates | None,
) -> list[OpenSetFigures]:
    """Figures of one network in galleries of one size, unmasked and masked probes.

    Galleries smaller than the number of mated people are several, one after the
    other; larger ones are filled up with the people of `fill`. Probes of all splits
    count together.
    """
    calibration = shipped_calibration(network.fingerprint)
    if calibration is None:
        raise InvalidConfig(f"no calibration ships for the embedder {network.name}.")
    found = []
    for kind, of_kind in (("unmasked", ~masked), ("masked", masked)):
        known: list[Decided] = []
        impostors: list[Decided] = []
        for split, members in galleries_of(splits, size):
            chosen = split.enrolled & np.isin(rows.people, members)
            worn = bool(masked[chosen].all())
            under = rows if worn else references
            templates = mean_templates(rows[chosen], under[chosen], worn)
            templates = _filled(templates, fill, size - len(members))
            chosen &= rows.acquired
            faces = (rows[chosen & ~masked], under[chosen])
            near = nearness(calibration, dict(zip(STATES, faces, strict=True)))
            stricter = calibration.stricter(near)
            for people, parts in ((members, known), (split.impostors, impostors)):
                chosen = split.probes & of_kind & np.isin(rows.people, people)
                probes = Probes(rows[chosen], states_of(states[chosen]))
                parts.append(decide_all(probes, templates, stricter, FPIR, False))
        merged = (_merged(known), _merged(impostors))
        found.append(figures(network.name, kind, size, *merged))
    return found


def galleries_of(splits: Sequence[Split], size: int) -> Iterator[tuple[Split, Indices]]:
    """The people of each whole gallery, and the split that they come from."""
    for split in splits:
        own = min(size, len(split.mated))
        for start in range(0, len(split.mated) - own + 1, own):
            yield split, split.mated[start : start + own]


def distractors(
    everybody: Sequence[LabelledPhoto], people: Collection[str]
) -> list[LabelledPhoto]:
    """The first photo of each of these people."""
    first: dict[str, LabelledPhoto] = {}
    for photo in everybody:
        if photo.person in people:
            first.setdefault(photo.person, photo)
    return list(first.values())


def splits_for(count: int, size: int, galleries: int) -> int:
    """How many splits of `count` people give that many galleries of a size."""
    return -(-galleries // max(count // size, 1))


def _filled(templates: Templates, fill: Templates | None, count: int) -> Templates:
    if count <= 0:
        return templates
    if fill is None or len(fill.people) < count:
        raise InvalidConfig(f"{count} more people are needed.")
    # Nobody who is identified.
    nobody = np.full(count, -2, dtype=np.int32)
    first = np.arange(count)
    more = Templates(nobody, fill.unmasked[first], fill.masked_references[first])
    return templates.joined(more)


def _merged(parts: Sequence[Decided]) -> Decided:
    return Decided(
        np.concatenate([part.best for part in parts]),
        np.concatenate([part.named for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.people for part in parts]),
    )


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--masked-celebrities", type=click.Path(path_type=Path))
@click.option("--store", type=click.Path(path_type=Path), required=True)
@click.option("--people", default=1000, show_default=True, help="In the galleries.")
@click.option("--sizes", default="1000", show_default=True, help="Of the galleries.")
@click.option("--enroll", default="unmasked", type=click.Choice(["unmasked", "masked"]))
@click.option("--each", default=0, help="Photos enrolled of a person; 0 = half.")
@click.option("--galleries", default=5, show_default=True, help="Of a size, at least.")
@click.option("--seed", default=0, show_default=True, help="Of the draws and masks.")
@click.option("--workers", default=0, show_default=True, help="0 = one a CPU core.")
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("dlib", "shipped"),
    show_default=True,
    type=click.Choice(["dlib", "shipped"]),
    help="Networks to measure; most of the time is for dlib's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    photos: Path,
    names: Path,
    masked_celebrities: Path | None,
    store: Path,
    people: int,
    sizes: str,
    enroll: str,
    each: int,
    galleries: int,
    seed: int,
    workers: int,
    models: tuple[str, ...],
    as_json: bool,
) -> None:
    """Identify the people of NAMES, unmasked and masked, in galleries of SIZES."""
    kept = EmbeddingStore(store, workers)
    networks = [choose_embedder(name, Path(), "cpu") for name in models]
    everybody = read_person_folders(photos)
    present = {photo.person for photo in everybody}
    listed = people_found(read_names(names), present, "--names", photos)
    tested = [photo for photo in everybody if photo.person in listed]
    if masked_celebrities:
        rows = celebrity_figures(tested, masked_celebrities, kept, networks)
        filled_to = 0
    else:
        rows = []
        views = kept.embedded(
            tested, [*networks, MaskStateRows()], mask_renderer(seed, ALL_KINDS)
        )
        wanted = [int(text) for text in sizes.split(",")]
        filled_to = max(0, max(wanted) - people)
        others = distractors(everybody, present - listed if filled_to else ())
        splits = [
            split_people(tested, views, people, seed + more, enroll == "masked", each)
            for more in range(max(splits_for(people, n, galleries) for n in wanted))
        ]
        extra = kept.embedded(others, networks) if others else None
        for number, network in enumerate(networks):
            rows_of, under = (
                EmbeddedFaces(
                    kind[number], splits[0].people, views.photos, network.cohort
                )
                for kind in (views.embeddings, views.masked_references)
            )
            filling = None
            if extra is not None:
                filled = [p.person for p in others]
                owners = np.unique(filled, return_inverse=True)[1].astype(np.int32)
                filling = mean_templates(
                    extra.faces(number, owners, network.cohort),
                    extra.reference_faces(number, owners, network.cohort),
                )
            for size in wanted:
                rows += open_set_figures(
                    network,
                    rows_of,
                    under,
                    views.embeddings[-1],
                    views.masked,
                    splits[: splits_for(people, size, galleries)],
                    size,
                    filling,
                )
    if as_json:
        drawn = {"enroll": enroll, "each": each}
        click.echo(json.dumps([asdict(row) | drawn for row in rows]))
        return
    click.echo(table(rows))
    if filled_to:
        click.echo(
            f"Up to {filled_to:,} of each gallery are distractors, by one photo each: "
            "never looked for, and impostors are kept away from those of them whom a "
            "network was trained on."
        )


def table(rows: Sequence[OpenSetFigures]) -> str:
    """The figures as text."""
    lines = [
        f"{'network':<10}{'probes':<22}{'gallery':>8}{'people':>8}{'rank-1':>8}"
        f"{'TPIR':>7}{'impostors':>11}{'FPIR':>8}{'ECE':>7}{'not found':>11}"
    ]
    for row in rows:
        lines.append(
            f"{row.network:<10}{row.probes:<22}{row.gallery:>8,}{row.mated:>8,}"
            f"{row.rank_1:>8.3f}{row.tpir:>7.3f}{row.impostors:>11,}{row.fpir:>8.4f}"
            f"{row.calibration_error:>7.3f}{row.not_found:>11.4f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
