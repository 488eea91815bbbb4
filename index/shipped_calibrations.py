"""Calibrations that ship with the project, for its own embedders."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from index.calibration import Calibration
from masking.errors import BadRecord, MissingInput
from masking.image_files import write_bytes

FILE = Path(__file__).parent / "models" / "calibrations.json"
FORMAT_VERSION = 1
_DEFAULT = "default"


def shipped_calibration(fingerprint: str) -> Calibration | None:
    """The calibration of an embedder by its fingerprint, if one ships for it.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return read_calibrations(FILE)[1].get(fingerprint)


def default_calibration() -> Calibration:
    """That of dlib's untouched network, for embedders that were never calibrated.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    default, calibrations = read_calibrations(FILE)
    return calibrations[default]


@cache
def read_calibrations(path: Path) -> tuple[str, dict[str, Calibration]]:
    """The fingerprint of the default, and all calibrations by fingerprint.

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
        default = record[_DEFAULT]
        found[default]
    except (ValueError, KeyError, TypeError, AttributeError, BadRecord) as error:
        raise BadRecord(f"{path}: damaged ({error}). Install again.") from error
    return default, found


def write_calibrations(
    path: Path, default: str, calibrations: dict[str, Calibration]
) -> None:
    """The reverse of `read_calibrations`."""
    record = {
        "format_version": FORMAT_VERSION,
        _DEFAULT: default,
        "calibrations": {
            fingerprint: json.loads(calibration.to_json())
            for fingerprint, calibration in calibrations.items()
        },
    }
    write_bytes(path, (json.dumps(record) + "\n").encode())
