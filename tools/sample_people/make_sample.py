"""Makes the embedded sample: photographs of people who do not exist.

Example:
    python -m tools.sample_people.make_sample --lfw lfw --names peopleDevTrain.txt \
        --out masking/sample
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from tqdm import tqdm

from masking.augment.people_lists import read_names
from masking.files.writing import write_bytes
from masking.landmarks import Float32
from tools.detector_training.training_faces import choose_faces
from tools.sample_people.album import (
    STRANGER_QUANTILE,
    SampleReport,
    draw_album,
    judge,
    measure_likeness,
)
from tools.sample_people.face_collection import fit_faces, groups_of

TRAINING_PHOTOS = 2500
COMPONENTS = 200


_TEXT = """\
The people in these pictures do not exist. tools/sample_people/make_sample.py drew
them from a statistical face model, whose mean and components are averages over 2,500
photographs of "Labeled Faces in the Wild" (people of its DevTrain list). No
photograph, and no part of one, is contained.

How alike they are to the photographs was measured with dlib's face embedder.
The nearest training photograph of any picture here is at distance {nearest:.3f}
(median over the pictures: {median:.3f}). Of real photographs, {quantile:.0%}
have a stranger's photograph nearer than {limit:.3f}; people drawn nearer than
that were thrown away. No training photograph has more than {fraction:.2%} of the
weights that a face is mixed with.

As far as there are rights in these pictures, they are dedicated to the public
domain under CC0 1.0: https://creativecommons.org/publicdomain/zero/1.0/
"""


def licence_text(report: SampleReport) -> str:
    """The note, with the figures of the report."""
    ordered = sorted(report.nearest)
    filled = _TEXT.format(
        nearest=ordered[0],
        median=ordered[len(ordered) // 2],
        quantile=STRANGER_QUANTILE,
        limit=report.limit,
        fraction=max(report.largest_fractions),
    )
    paragraphs = [textwrap.fill(part, 78) for part in filled.split("\n\n")]
    return "\n\n".join(paragraphs) + "\n"


def make_sample(
    folder: Path, names: Path, out: Path, people: int, newcomers: int, seed: int
) -> SampleReport:
    """Fit the model, draw people until enough are accepted, write their photos."""
    chosen = list(choose_faces(folder, sorted(read_names(names)), photos_each=3))
    fitted = fit_faces(chosen, TRAINING_PHOTOS, COMPONENTS)
    likeness = measure_likeness(fitted)
    groups = groups_of(fitted, likeness.training)
    report = SampleReport(likeness.limit)
    accepted: list[Float32] = []
    attempt = 0
    for target in tqdm(_targets(out, people, newcomers), unit="person"):
        mean = None
        while mean is None:
            album = draw_album(fitted, groups, seed, attempt)
            mean = judge(album, likeness, accepted, report)
            attempt += 1
        accepted.append(mean)
        for number, file in enumerate(album.files, start=1):
            write_bytes(target / f"{number}.jpg", file)
            report.bytes_written += len(file)
    write_bytes(out / "LICENSE.txt", licence_text(report).encode())
    return report


def main() -> None:
    """Parse the command line, make the sample, write the figures to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lfw", type=Path, required=True, help="Folder per person.")
    parser.add_argument("--names", type=Path, required=True, help="LFW people file.")
    parser.add_argument("--out", type=Path, required=True, help="Folder to write.")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--newcomers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    report = make_sample(
        given.lfw, given.names, given.out, given.people, given.newcomers, given.seed
    )
    print(licence_text(report), file=sys.stderr)
    print(f"rejected: {report.rejected}", file=sys.stderr)
    print(f"{report.bytes_written} bytes", file=sys.stderr)


def _targets(out: Path, people: int, newcomers: int) -> list[Path]:
    targets = [out / "people" / f"Person_{i + 1:02d}" for i in range(people)]
    return targets + [
        out / "newcomers" / f"Newcomer_{i + 1:02d}" for i in range(newcomers)
    ]


if __name__ == "__main__":
    main()
