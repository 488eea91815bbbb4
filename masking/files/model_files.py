"""Models that ship, ours and dlib's, and the font: where they lie, how to open them.

A file is checked against a table of hashes first, which is what `sha256sum` prints and
`sha256sum -c` reads: libraries in C crash at damaged models, or find other faces and
distances.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord, MissingInput
from masking.files.writing import write_bytes

if TYPE_CHECKING:
    import onnxruntime


# The table of the files that lie beside it.
TABLE = "SHA256SUMS"
_AT_ONCE = 1 << 20


def shipped_file(path: Path) -> Path:
    """A file of this project, once its hash is known to be right.

    Raises:
        MissingInput, BadRecord: as `checked_file`.
    """
    return checked_file(path, path.with_name(TABLE), "Install this program again.")


@cache
def checked_file(path: Path, table: Path, remedy: str) -> Path:
    """A file, once its hash is known to be the one of a table; a process looks once.

    Hashing takes 0.1 s for 100 MB on processors with SHA instructions.

    Args:
        remedy: a sentence that says where the file comes from.

    Raises:
        MissingInput: the file or the table cannot be read.
        BadRecord: the file has another hash, or none in the table.
    """
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
        found = sha256_of_file(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MissingInput(
            f"{error.filename or path}: cannot be read ({reason}). {remedy}"
        ) from error
    wanted = {
        name: digest for digest, _, name in (line.partition("  ") for line in lines)
    }
    if found != wanted.get(path.name):
        expected = wanted.get(path.name, "none")[:12]
        raise BadRecord(
            f"{path}: damaged: its SHA-256 begins with {found[:12]}, expected "
            f"{expected}. {remedy}"
        )
    return path


def write_table(folder: Path) -> None:
    """Write the table of all files of a folder."""
    files = sorted(path for path in folder.iterdir() if path.name != TABLE)
    text = "".join(f"{sha256_of_file(path)}  {path.name}\n" for path in files)
    write_bytes(folder / TABLE, text.encode())


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file, hex, read piece by piece."""
    return hash_of_file(path, "sha256")


def hash_of_file(path: Path, algorithm: str) -> str:
    """A file's hash by an algorithm of `hashlib`, hex, read piece by piece."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


MODELS = Path(__file__).parents[1] / "models"
# Hashes of the files of its last release.
_HASHES = Path(__file__).parent / "models_of_packages.sha256"
_AGAIN = "Run: pip install --force-reinstall face_recognition_models==0.3.0"

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
# Trained by tools/detector_training/train_landmarks.py on faces with synthetic masks.
ROLL = "roll.onnx"
MASKED_LANDMARKS = "masked-landmarks.npz"
RETINAFACE = "retinaface.onnx"
YUNET = "yunet.onnx"


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


def own_model(name: str) -> Path:
    """Path of a model that ships with this package.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return shipped_file(MODELS / name)


@cache
def font_file(bold: bool = False) -> Path:
    """DejaVu Sans, which matplotlib brings: Latin, Greek, Cyrillic, Arabic and more.

    Located, not imported: importing matplotlib takes a fifth of a second.

    Raises:
        MissingInput: the package is not installed.
    """
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise MissingInput(
            "the font of pictures is missing. Run: pip install matplotlib"
        )
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


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


# Releases of onnxruntime such as 1.32 report to their maker from the moment they are
# imported, so nothing else here imports it. This prevents events, the uploader and a
# persistent device identifier (Privacy.md there).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def onnx_session(model: str | bytes) -> onnxruntime.InferenceSession:
    """A model, by its path or its bytes, on one thread of the CPU.

    onnxruntime reads pictures of changing sizes without a pause, YuNet in less than
    half and RetinaFace in two thirds of OpenCV's time.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Pictures share the cores, not parts of one picture.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
