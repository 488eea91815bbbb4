"""The command `calibrate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from index.calibration.config import CalibrateConfig
from index.commands.terminal.options import (
    A_PATH,
    device_option,
    embedder_of,
    json_option,
    model_option,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json

if TYPE_CHECKING:
    from index.calibration.calibration import Calibration

# What is shown: galleries of so many people.
_SIZES = (100, 1000, 5000)


@click.command("calibrate")
@click.argument("folder", required=False, type=A_PATH)
@workspace_option
@model_option
@device_option
@json_option
@options_from(CalibrateConfig)
def calibrate_command(
    folder: Path | None,
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how near impostors come to the gallery, and set its thresholds by it.

    FOLDER holds photographs of impostors, a folder per person, or a labels.csv with
    the columns person, file, mask. The first level of folders names the person:
    NAME/1.jpg, NAME/2020/2.jpg. Exit code: 0; 2 when a picture could not be read.
    Without it: the people of the last `augment` whom
    `train` held out.

    \b
    Example:
        python cli.py calibrate photos/impostors
    """
    config = CalibrateConfig(**options)
    from index.calibration.stage import calibrate_on_chips, calibrate_on_photos
    from index.datasets.labelled_photos import read_labelled_photos
    from index.gallery.gallery import open_gallery
    from masking.augment.manifest import read_manifest
    from masking.datasets.separate_folders import refuse_inside
    from masking.faces.finder import default_finder
    from masking.workers import worker_count
    from training.data.train_data import held_out_rows

    if folder is not None:
        refuse_inside(folder, workspace)
    unread: list[str] = []
    embedder, workers = embedder_of(workspace, model, device), config.workers
    with open_gallery(workspace / "gallery") as gallery:
        if folder is None:
            manifest = read_manifest(workspace / "augmented")
            rows = held_out_rows(
                manifest, config.validation_fraction, config.validation_seed
            )
            calibration = calibrate_on_chips(
                gallery, manifest, rows, embedder, config.masks, worker_count(workers)
            )
        else:
            calibration, unread = calibrate_on_photos(
                gallery,
                read_labelled_photos(folder),
                embedder,
                config.masks,
                workers,
                workspace / "found-faces",
                default_finder,
            )
        size = len(gallery.people())
    for reason in unread:
        say(f"not read: {reason}", err=True)
    _show(calibration, size, as_json)
    sys.exit(2 if unread else 0)


def _show(calibration: Calibration, size: int, as_json: bool) -> None:
    sizes = sorted({size, *_SIZES})
    limits = {
        state: [round(calibration.threshold(n, 0.01, masked, masked), 4) for n in sizes]
        for state, masked in (("unmasked", False), ("masked", True))
    }
    if as_json:
        record = {"source": calibration.source, "impostors": calibration.impostors}
        shown = {"people": sizes, "thresholds": limits}
        known = {"probabilities": sorted(calibration.probability)}
        say_json(record | shown | known)
        return
    say(f"calibrated on {calibration.source}")
    say("score 0, at 1% of impostors, is at squared distance:  unmasked   masked")
    for row, number in enumerate(sizes):
        here = " (this gallery)" if number == size else ""
        say(
            f"  {f'{number:,} people{here}':<52}{limits['unmasked'][row]:.3f}    "
            f"{limits['masked'][row]:.3f}"
        )
    if not calibration.probability:
        say("too few people with several photos: no probabilities are shown")
