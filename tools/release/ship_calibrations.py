"""Calibrates dlib's network and the shipped embedder; writes the file that ships.

Held-out people of the training are the impostors and fill the galleries; those of
dlib's network are filled with the people that ours trained on, too. Give the lists of
names and options that the shipped embedder was trained with.

    python -m tools.release.ship_calibrations --photos data/lfw \
        --names data/peopleDevTrain.txt --without in-mfr2.txt --store workspace/open-set
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from benchmarks.shared.decided_probes import mean_templates
from benchmarks.shared.embedded_photos import EmbeddingStore
from index.calibration.calibration import (
    FILE_VERSION,
    SHIPPED_FILE,
    Calibration,
    distance_kind,
)
from index.calibration.decision import MeanFaces
from index.calibration.fit import HeldOutFaces, OtherPeople, fit_calibration
from index.datasets.views import ALL_KINDS, mask_renderer, read_person_folders
from masking.augment.people_lists import people_found, read_names
from masking.files.writing import write_bytes
from training.checkpoints.store import DLIB_NAME, OWN_MODELS, choose_embedder
from training.data.train_data import validation_people
from training.metrics.score_normalization import EmbeddedFaces


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--without", type=click.Path(path_type=Path), help="People to leave out.")
@click.option("--store", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), default=SHIPPED_FILE)
@click.option("--masks", default=3, show_default=True, help="Rendered on each photo.")
@click.option("--validation-fraction", default=0.2, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=0, show_default=True, help="0 = one a CPU core.")
def main(
    photos: Path,
    names: Path,
    without: Path | None,
    store: Path,
    out: Path,
    masks: int,
    validation_fraction: float,
    seed: int,
    workers: int,
) -> None:
    """Calibrate on the validation people of NAMES and write OUT."""
    kept = EmbeddingStore(store, workers)
    names_of_networks = (DLIB_NAME, *OWN_MODELS)
    networks = [choose_embedder(name, Path(), "cpu") for name in names_of_networks]
    everybody = read_person_folders(photos)
    present = {photo.person for photo in everybody}
    wanted = people_found(read_names(names), present, "--names", photos)
    if without:
        wanted -= people_found(read_names(without), present, "--without", photos)
    listed = [photo for photo in everybody if photo.person in wanted]
    people = [photo.person for photo in listed]
    out_of_training = validation_people(people, validation_fraction, seed)
    held_out = [p for p, held in zip(listed, out_of_training, strict=True) if held]
    others = [p for p, held in zip(listed, out_of_training, strict=True) if not held]
    # Whom a network was trained to tell apart, it keeps impostors away from, too, and
    # people of a gallery are none of them. dlib's was not trained on LFW.
    other_views = kept.embedded(others, networks[:1])
    worn = [
        # Not the masks of a test with the usual seed.
        kept.embedded(held_out, networks, mask_renderer(1000 + number, ALL_KINDS))
        for number in range(masks)
    ]
    owners, other_owners = (
        np.unique([p.person for p in part], return_inverse=True)[1].astype(np.int32)
        for part in (held_out, others)
    )
    calibrations: dict[str, Calibration] = {}
    for number, network in enumerate(networks):
        cohort = network.cohort
        faces = [views.faces(number, owners, cohort) for views in worn]
        masked = [part[views.masked] for part, views in zip(faces, worn, strict=True)]
        unmasked = faces[0][~worn[0].masked]
        references = worn[0].reference_faces(number, owners, cohort)[~worn[0].masked]
        if number == 0:
            means = mean_templates(
                other_views.faces(0, other_owners, cohort),
                other_views.reference_faces(0, other_owners, cohort),
            )
            rest = OtherPeople(means.unmasked, means.masked_references)
        else:
            none = np.zeros(len(unmasked.people), dtype=bool)
            nobody = MeanFaces.of(unmasked[none], np.arange(0), 0)
            rest = OtherPeople(nobody, nobody)
        source = (
            f"{len(set(owners.tolist()))} held-out people, without and with "
            f"{masks} synthetic masks; {len(rest.unmasked.photos)} templates of others"
        )
        calibrations[network.fingerprint] = fit_calibration(
            HeldOutFaces(unmasked, references, EmbeddedFaces.joined(masked)),
            rest,
            source,
            None,
        )
    defaults = {distance_kind(one.cohort): one.fingerprint for one in networks}
    write_calibrations(out, defaults, calibrations)
    click.echo(f"{out}: {', '.join(network.name for network in networks)}")


def write_calibrations(
    path: Path, defaults: dict[str, str], calibrations: dict[str, Calibration]
) -> None:
    """The reverse of `index.calibration.calibration.read_calibrations`."""
    record = {
        "format_version": FILE_VERSION,
        "defaults": defaults,
        "calibrations": {
            fingerprint: json.loads(calibration.to_json())
            for fingerprint, calibration in calibrations.items()
        },
    }
    write_bytes(path, (json.dumps(record) + "\n").encode())


if __name__ == "__main__":
    main()
