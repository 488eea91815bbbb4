"""The way of the package face_recognition, with dlib and its model files alone.

Its api.py loads all five models when it is imported, finds faces with the HOG detector
on the doubled picture, describes them on five landmarks and compares a probe with every
encoding. As a program it identifies one photo, to be timed from its start:

    python -m benchmarks.shared.dlib_way encodings.npy photo.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from masking.files.model_files import LANDMARKS_68, RECOGNITION, dlib_model
from masking.landmarks import Image

Encodings = NDArray[np.float64]
_CNN_DETECTOR = "mmod_human_face_detector.dat"
_FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"
_UPSAMPLE = 1


class DlibWay:
    """Detector, landmarks and encoder as face_recognition uses them by default."""

    def __init__(self) -> None:
        self._detector: Any = dlib.get_frontal_face_detector()
        # Loaded and not used by default, as in the package.
        dlib.shape_predictor(str(dlib_model(LANDMARKS_68)))
        self._five: Any = dlib.shape_predictor(str(dlib_model(_FIVE_POINTS)))
        dlib.cnn_face_detection_model_v1(str(dlib_model(_CNN_DETECTOR)))
        self._encoder: Any = dlib.face_recognition_model_v1(
            str(dlib_model(RECOGNITION))
        )

    def locations(self, image: Image) -> list[Any]:
        """`face_locations`: dlib rectangles."""
        return list(self._detector(image, _UPSAMPLE))

    def encoding(self, image: Image, location: Any) -> Encodings:
        """`face_encodings` of one location: (128,)."""
        landmarks = self._five(image, location)
        return np.array(self._encoder.compute_face_descriptor(image, landmarks, 1))


def nearest(encodings: Encodings, probe: Encodings) -> tuple[int, float]:
    """`face_distance` to every encoding: the place of the nearest, its distance."""
    distances = np.linalg.norm(encodings - probe, axis=1)
    best = int(np.argmin(distances))
    return best, float(distances[best])


def main(encodings: Path, photo: Path) -> int:
    """Nearest encoding of the first face of a photo; 4 where none is found."""
    way = DlibWay()
    with Pillow.open(photo) as picture:
        image = np.array(picture.convert("RGB"))
    found = way.locations(image)
    if not found:
        return 4
    best, distance = nearest(np.load(encodings), way.encoding(image, found[0]))
    sys.stdout.write(f"{best} {distance:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
