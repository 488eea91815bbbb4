"""Makes the cohort of the shipped embedder again; its weights stay as they are.

    python -m tools.release.ship_cohort --names names.txt --groups groups.csv

GROUPS is a CSV with the columns person and group: people of one collection get members
of the cohort of their own. Calibrations belong to a cohort: make them again, too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from masking.augment.manifest import read_manifest
from masking.augment.people_lists import read_names, select_people
from masking.errors import InvalidConfig
from masking.files.csv_tables import read_table
from training.checkpoints.checkpoint import load_checkpoint, load_embedder
from training.checkpoints.store import SHIPPED, save_model
from training.data.chip_embeddings import cohort_of_rows
from training.metrics.score_normalization import LEAST_PEOPLE


@click.command()
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--groups", type=click.Path(path_type=Path), required=True)
@click.option("--workspace", type=click.Path(path_type=Path), default="workspace")
@click.option("--workers", default=0, show_default=True, help="0 = in this process.")
def main(names: Path, groups: Path, workspace: Path, workers: int) -> None:
    """Make a cohort of the people of NAMES, none of whom is tested or calibrated on."""
    augmented = read_manifest(workspace / "augmented")
    manifest = select_people(augmented, read_names(names), frozenset())
    table = read_table(groups, ("person", "group"))
    collections = {row["person"]: row["group"] for _, row in table}
    embedder = load_embedder(SHIPPED, flip_average=True)
    rows = manifest.faces()
    cohort = cohort_of_rows(manifest, rows, embedder, workers, 0, collections)
    if cohort is None:
        raise InvalidConfig(f"{names}: a cohort needs {LEAST_PEOPLE} people.")
    save_model(SHIPPED, replace(load_checkpoint(SHIPPED), cohort=cohort))
    click.echo(f"{SHIPPED}: {len(cohort.members)} members, usual {cohort.usual}")


if __name__ == "__main__":
    main()
