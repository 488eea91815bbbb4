"""Leaves out faces behind glasses, hats, hands and microphones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from masking.landmarks import Float32, Image

_PATCH_PX = 48
_COMPONENTS = 40


def most_usual(images: Sequence[Image], mean: Float32, count: int) -> list[int]:
    """Indices of the `count` photographs that components explain best, in order.

    What covers a face in one photograph and not in the others is what principal
    components explain worst; averaged in, it would leave ghosts.

    Args:
        images: (250, 250, 3) uint8, warped to the mean shape.
        mean: (68, 2) px, the mean shape.
    """
    eyes = np.vstack([mean[17:27], mean[36:48], mean[29:31]])
    face = mean - np.array([0, 4], dtype=np.float32)
    unusual = _residuals(images, eyes) + 0.7 * _residuals(images, face)
    return sorted(int(index) for index in np.argsort(unusual)[:count])


def _residuals(images: Sequence[Image], around: Float32) -> Float32:
    """(N,) fraction of a patch's contrast that the components leave over."""
    left, top = np.floor(around.min(axis=0)).astype(int) - 4
    right, bottom = np.ceil(around.max(axis=0)).astype(int) + 4
    rows = np.stack(
        [
            cv2.resize(
                cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY),
                (_PATCH_PX, _PATCH_PX),
                interpolation=cv2.INTER_AREA,
            ).ravel()
            for image in images
        ]
    ).astype(np.float32)
    # Exposure is not unusual: judge the pattern alone.
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= rows.std(axis=1, keepdims=True) + 1
    rows -= rows.mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    basis = vectors[:, np.argsort(values)[::-1][:_COMPONENTS]]
    left_over = rows - rows @ basis @ basis.T
    return np.asarray((left_over**2).mean(axis=1), dtype=np.float32)
