"""The command `calibrate`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from index.calibration.config import CalibrateConfig
from index.commands.terminal.options import (
    A_PATH,
    GroupedCommand,
    device_option,
    embedder_of,
    json_option,
    model_option,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json
from masking.errors import InvalidConfig
from masking.files.text import counted

if TYPE_CHECKING:
    from index.calibration.calibration import Calibration
    from index.calibration.check import Check
    from training.metrics.bootstrap import Rate

# What is shown: galleries of so many people.
_SIZES = (100, 1000, 5000)


@click.command("calibrate", cls=GroupedCommand)
@click.argument("folder", required=False, type=A_PATH)
@click.option(
    "--check",
    "checked",
    multiple=True,
    type=A_PATH,
    help="Folder of people: measure what the thresholds are worth there, change none; "
    "may be given several times.",
)
@workspace_option
@model_option
@device_option
@json_option
@options_from(CalibrateConfig)
def calibrate_command(
    folder: Path | None,
    checked: tuple[Path, ...],
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how near impostors come to the gallery, and set its thresholds by it.

    FOLDER holds photographs of impostors, a folder per person, or a labels.csv with
    the columns person, file, mask. The first level of folders names the person:
    NAME/1.jpg, NAME/2020/2.jpg. Without FOLDER the impostors are the people of the last
    `augment` whom `train` held out. Exit code: 0; 2 when a picture could not be read.

    With --check, half of a folder's people are enrolled for the time being and looked
    for, the other half are impostors, and the halves change places; few people are
    halved several times. It says which fraction of impostors is given a name (FPIR) and
    of the others the right one (TPIR), with 95% intervals, and from which score on FPIR
    would be as wanted.

    \b
    Examples:
        python cli.py calibrate photos/impostors
        python cli.py calibrate --check photos/people
    """
    config = CalibrateConfig(**options)
    if checked:
        if folder is not None:
            raise InvalidConfig(
                f"--check changes no thresholds, but {folder} is given to set them by. "
                "Run calibrate once with the folder and once with --check."
            )
        sys.exit(_check(checked, workspace, model, device, config, as_json))
    calibration, size, unread = _calibrated(folder, workspace, model, device, config)
    for reason in unread:
        say(f"not read: {reason}", err=True)
    _show(calibration, size, as_json)
    sys.exit(2 if unread else 0)


def _calibrated(
    folder: Path | None,
    workspace: Path,
    model: str,
    device: str,
    config: CalibrateConfig,
) -> tuple[Calibration, int, list[str]]:
    """The new calibration, how many people the gallery has, and what was not read."""
    from index.calibration.stage import calibrate_on_chips, calibrate_on_photos
    from index.datasets.views import read_labelled_photos
    from index.gallery.gallery import open_gallery
    from masking.augment.manifest import read_manifest
    from masking.datasets.folders import refuse_inside
    from masking.faces.finder import default_finder
    from masking.workers import worker_count
    from training.data.train_data import held_out_rows

    if folder is not None:
        refuse_inside(folder, workspace)
    embedder, workers = embedder_of(workspace, model, device), config.workers
    with open_gallery(workspace / "gallery") as gallery:
        if folder is None:
            manifest = read_manifest(workspace / "augmented")
            rows = held_out_rows(
                manifest, config.validation_fraction, config.validation_seed
            )
            found = calibrate_on_chips(
                gallery, manifest, rows, embedder, config.masks, worker_count(workers)
            )
            return found, gallery.size, []
        found, unread = calibrate_on_photos(
            gallery,
            read_labelled_photos(folder),
            embedder,
            config.masks,
            workers,
            workspace / "found-faces",
            default_finder,
        )
        return found, gallery.size, unread


def _check(
    folders: tuple[Path, ...],
    workspace: Path,
    model: str,
    device: str,
    config: CalibrateConfig,
    as_json: bool,
) -> int:
    from index.calibration.decision import calibration_for
    from index.calibration.stage import check_on_photos
    from index.datasets.views import read_labelled_photos
    from masking.faces.finder import default_finder

    embedder = embedder_of(workspace, model, device)
    calibration, calibrated = calibration_for(workspace / "gallery", embedder)
    records, unread = [], []
    for folder in folders:
        photos = read_labelled_photos(folder)
        checks, reasons = check_on_photos(
            calibration,
            photos,
            embedder,
            config.fpir,
            config.workers,
            workspace / "found-faces",
            default_finder,
        )
        unread += reasons
        records.append({"folder": str(folder), "checks": [asdict(c) for c in checks]})
        if not as_json:
            _show_checks(folder, len(photos), checks, config.fpir)
    for reason in unread:
        say(f"not read: {reason}", err=True)
    if as_json:
        known = {"fpir": config.fpir, "calibrated": calibrated}
        say_json(known | {"source": calibration.source, "folders": records})
    elif not calibrated:
        say("the thresholds are another model's: nothing was measured for this one")
    return 2 if unread else 0


def _show_checks(
    folder: Path, photos: int, checks: Sequence[Check], fpir: float
) -> None:
    from index.calibration.thresholds import shown

    say(f"{folder}: {counted(photos, 'photo')}")
    if not checks:
        say("  nothing is left to look for: nobody has two photos in which a face is")
    for one in checks:
        say(
            f"  {one.probes}, {counted(one.people, 'person')}, "
            f"galleries of {one.gallery}: "
            f"FPIR {_range(one.fpir)}, TPIR {_range(one.tpir)}; "
            f"{one.not_found:.1%} of the faces not found"
        )
        if stricter := round(one.stricter):
            say(f"    with thresholds {stricter} stricter, as these people are alike")
        if math.isfinite(one.calibration_error):
            say(
                f"    probabilities off by {one.calibration_error:.3f} (ECE), "
                f"{one.error_by_chance:.3f} if all were true, with so few faces"
            )
        wanted = one.accepted_from
        if math.isfinite(wanted.value):
            say(
                f"    FPIR {fpir:.1%} from score {shown(wanted.value)} on "
                f"({shown(wanted.low)} to {shown(wanted.high)}): "
                f"identify --threshold {math.ceil(10 * wanted.value) / 10:g}"
            )
        else:
            say(f"    too few people to say from which score on FPIR is {fpir:.1%}")


def _range(rate: Rate) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


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
