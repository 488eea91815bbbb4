"""Pictures as they are sent and saved again: coarse, with the blocks of JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from masking.landmarks import Image

# Sides that are kept, as a fraction, and the quality of the JPEG.
_KEPT, _QUALITY = (0.3, 0.8), (25, 85)


def coarsened(image: Image, rng: np.random.Generator) -> Image:
    """An (H, W, 3) uint8 picture, reduced and enlarged again."""
    height, width = image.shape[:2]
    kept = rng.uniform(*_KEPT)
    size = max(1, int(width * kept)), max(1, int(height * kept))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.uint8)


def compressed(image: Image, rng: np.random.Generator) -> Image:
    """An (H, W, 3) uint8 picture after JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*_QUALITY))]
    # The order of the channels makes a small difference to JPEG only.
    _, data = cv2.imencode(".jpg", image, quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
