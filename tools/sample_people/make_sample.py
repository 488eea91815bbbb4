"""Makes the embedded sample: photographs of people who do not exist.

Example:
    python -m tools.sample_people.make_sample --lfw lfw --names peopleDevTrain.txt \
        --out masking/sample
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from masking.augment.people_lists import read_names
from masking.files.writing import write_bytes
from masking.landmarks import Float32
from tools.detector_training.training_faces import choose_faces
from tools.sample_people.album import SampleReport, draw_album, judge, measure_likeness
from tools.sample_people.face_collection import fit_faces, groups_of
from tools.sample_people.sample_licence import licence_text

TRAINING_PHOTOS = 2500
COMPONENTS = 200


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
