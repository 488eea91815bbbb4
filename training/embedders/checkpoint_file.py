"""A checkpoint on disk: weights in safetensors, whose header says what they are.

Written and read with numpy, since importing torch takes seconds. Source of the format:
github.com/huggingface/safetensors, README.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.faces.alignment import ChipGeometry
from masking.files.writing import write_bytes
from training.embedders.embedded_face import weights_fingerprint
from training.metrics.score_normalization import Cohort

FORMAT_VERSION = 1
REMEDY = "Copy it again or run: python cli.py train"
# Where safetensors keeps its free text, and our entry there.
_METADATA, _KEY = "__metadata__", "masked-faces"
# Lies beside the weights, as an array.
_COHORT = "cohort"

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Exported:
    """The network as an ONNX file beside the checkpoint, see `OnnxEmbedder`.

    Attributes:
        sha256: hex, of the file.
        fingerprint: of the embedder with flip average, which the file is run as.
        normalised: as in `FaceNetwork`.
        probe: embedding of `store.probe_chip` by torch, with flip average.
    """

    sha256: str
    fingerprint: str
    normalised: bool
    probe: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Record:
    """What a file says of its weights, see `checkpoint.Checkpoint`.

    Attributes:
        fingerprint: of the embedder without flip average.
        exported: None where there is no such file.
    """

    fingerprint: str
    backbone: str
    geometry: ChipGeometry
    config: dict[str, Any]
    manifest_sha256: str
    report: dict[str, Any]
    cohort: Cohort | None
    exported: Exported | None = None


def write_file(path: Path, record: Record, weights: Weights) -> None:
    """Write a checkpoint so that a crash leaves the old file or the new.

    Numbers that float16 holds exactly are stored as such, in half the room.

    Raises:
        TypeError: config or report hold what JSON cannot.
    """
    arrays = {name: shortest(values) for name, values in weights.items()}
    entries = {
        "format_version": FORMAT_VERSION,
        "fingerprint": record.fingerprint,
        "backbone": record.backbone,
        "geometry": dataclasses.asdict(record.geometry),
        "config": record.config,
        "manifest_sha256": record.manifest_sha256,
        "report": record.report,
        "cohort_usual": record.cohort.mean_score if record.cohort else None,
        "exported": dataclasses.asdict(record.exported) if record.exported else None,
    }
    if record.cohort:
        arrays[_COHORT] = record.cohort.members.astype(np.float16)
    entries["sha256"] = _digest(entries, arrays.get(_COHORT))
    write_bytes(path, save(arrays, metadata={_KEY: json.dumps(entries)}))


def read_record(path: Path) -> Record:
    """What a checkpoint says of its weights, which are not looked at.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, damaged, or of another version.
    """
    return _read(path)[0]


def read_file(path: Path) -> tuple[Record, dict[str, NDArray[Any]]]:
    """A checkpoint's record and its weights, floats as float32.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, damaged, or of another version.
    """
    record, arrays = _read(path)
    # Counters of batch normalisation stay whole numbers.
    weights = {
        name: values.astype(np.float32) if values.dtype == np.float16 else values
        for name, values in arrays.items()
        if name != _COHORT
    }
    found = weights_fingerprint(
        weights, record.geometry, False, record.backbone, record.cohort
    )
    if found != record.fingerprint:
        raise BadRecord(
            f"{path}: damaged: its weights have the fingerprint {found[:12]}, expected "
            f"{record.fingerprint[:12]}. {REMEDY}"
        )
    return record, weights


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a whole one of safetensors with a record of ours."""
    try:
        return _KEY in _contents(path)[0]
    except (SafetensorError, ValueError, OSError):
        return False


def _contents(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Free text of the header, and all arrays."""
    content = path.read_bytes()
    arrays = load(content)
    # The library checked the header: its length in 8 bytes, then JSON.
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]).get(_METADATA, {}), arrays


def _read(path: Path) -> tuple[Record, dict[str, NDArray[Any]]]:
    try:
        metadata, arrays = _contents(path)
        entries = json.loads(metadata[_KEY])
    except OSError as error:
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror or error}). Run: python cli.py "
            "train"
        ) from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise BadRecord(
            f"{path}: not a checkpoint, or damaged or cut short ({error}). Give a file "
            "that python cli.py train wrote, or copy it again."
        ) from error
    return _record(path, entries, arrays), arrays


def _record(path: Path, entries: Any, arrays: Weights) -> Record:
    """The record of entries that are whole and of this version."""
    try:
        version, expected = entries["format_version"], entries.pop("sha256")
        if version != FORMAT_VERSION:
            raise BadRecord(
                f"{path}: has format version {version!r}, this toolkit reads "
                f"{FORMAT_VERSION}. Use the version that wrote it, or train again."
            )
        if _digest(entries, arrays.get(_COHORT)) != expected:
            raise ValueError("its record is not what was written")
        usual = entries["cohort_usual"]
        members = None if usual is None else arrays[_COHORT].astype(np.float32)
        return Record(
            entries["fingerprint"],
            entries["backbone"],
            ChipGeometry(**entries["geometry"]),
            entries["config"],
            entries["manifest_sha256"],
            entries["report"],
            None if members is None else Cohort.of(members, usual),
            _exported(entries["exported"]),
        )
    except (TypeError, ValueError, KeyError, AttributeError, InvalidConfig) as error:
        raise BadRecord(f"{path}: damaged ({error}). {REMEDY}") from error


def _exported(entry: Any) -> Exported | None:
    return Exported(**entry | {"probe": tuple(entry["probe"])}) if entry else None


def _digest(entries: Mapping[str, Any], cohort: NDArray[Any] | None) -> str:
    """Hex SHA-256 of all that the fingerprint, itself an entry, says nothing about."""
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode())
    if cohort is not None:
        digest.update(cohort.tobytes())
    return digest.hexdigest()


def shortest(values: NDArray[Any]) -> NDArray[Any]:
    """float32 numbers as float16 where that changes none of them."""
    if values.dtype != np.float32:
        return values
    # Numbers too large for float16 become infinite, which is another number.
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half, values) else values
