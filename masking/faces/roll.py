"""How far a face is turned in the picture plane, by a small network of our own.

YuNet finds turned faces, but gives them the points of upright ones: of a face that is
turned by 20 degrees it says 3.
"""

from __future__ import annotations

import cv2
import numpy as np

from masking.faces.model_files import ROLL, own_model
from masking.files.onnx_models import onnx_session
from masking.landmarks import Float32, Image

# Side of the crop, and how many sides of the face box it shows. Only its disc counts:
# that looks the same under every turn.
CROP_PX, BOXES = 64, 1.15
_FROM_MIDDLE = np.hypot(*(np.mgrid[:CROP_PX, :CROP_PX] - (CROP_PX - 1) / 2))
DISC = _FROM_MIDDLE <= CROP_PX / 2


class RollEstimator:
    """Trained by `tools/detector_training/train_roll.py` on faces, masked or not."""

    def __init__(self) -> None:
        self._network = onnx_session(str(own_model(ROLL)))
        self._input = self._network.get_inputs()[0].name

    def roll_deg(self, crop: Image) -> float:
        """Turn of the line between the eyes, clockwise, -180 to 180 degrees.

        Args:
            crop: (CROP_PX, CROP_PX, 3) uint8 RGB, the face in its middle.
        """
        ((turn,),) = self._network.run(None, {self._input: prepared(crop)[None, None]})
        cosine, sine = turn
        return float(np.rad2deg(np.arctan2(sine, cosine)))


def prepared(crop: Image) -> Float32:
    """(CROP_PX, CROP_PX) float32 grey, of mean 0 and deviation 1 in the disc."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = grey[DISC]
    even = (grey - inside.mean()) / (inside.std() + 4.0)
    return np.where(DISC, even, 0.0).astype(np.float32)
