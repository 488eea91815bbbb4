"""Calibrations that ship with the project, for its own embedders."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from index.calibration.calibration import Calibration
from masking.errors import BadRecord, MissingInput
from masking.files.model_files import shipped_file
from training.metrics.score_normalization import Cohort

FILE = Path(__file__).parents[1] / "models" / "calibrations.json"
FORMAT_VERSION = 1
KINDS = ("plain", "dlib, cohort", "cohort")
_DLIB_DIMENSION = 128


def shipped_calibration(fingerprint: str) -> Calibration | None:
    """The calibration of an embedder by its fingerprint, if one ships for it.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return read_calibrations(shipped_file(FILE))[1].get(fingerprint)


def default_calibration(cohort: Cohort | None) -> Calibration:
    """For embedders that were never calibrated.

    That of dlib's untouched network, which is on the strict side for others; that of
    a shipped embedder for those that compare beside a cohort, as distances mean
    something else then.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    defaults, calibrations = read_calibrations(shipped_file(FILE))
    return calibrations[defaults[distance_kind(cohort)]]


def distance_kind(cohort: Cohort | None) -> str:
    """Whether distances are plain or beside a cohort, and then of which length.

    Embeddings in dlib's space have lengths of their own, all others are 1 long.
    """
    if cohort is None:
        return "plain"
    in_dlib_space = cohort.members.shape[1] == _DLIB_DIMENSION
    return "dlib, cohort" if in_dlib_space else "cohort"


@cache
def read_calibrations(path: Path) -> tuple[dict[str, str], dict[str, Calibration]]:
    """Fingerprints of defaults by kind of distance; calibrations by fingerprint.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is damaged, or of another version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInput(
            f"{path}: the calibrations that ship with the program are missing "
            f"({error.strerror or error}). Install it again."
        ) from error
    try:
        record = json.loads(text)
        if record["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {record['format_version']}")
        found = {
            fingerprint: Calibration.from_json(json.dumps(value))
            for fingerprint, value in record["calibrations"].items()
        }
        defaults = {kind: record["defaults"][kind] for kind in KINDS}
        for fingerprint in defaults.values():
            found[fingerprint]
    except (ValueError, KeyError, TypeError, AttributeError, BadRecord) as error:
        raise BadRecord(f"{path}: damaged ({error}). Install again.") from error
    return defaults, found
