"""Statistical face model: shape, layers and outlines vary together.

Source: Cootes, Edwards, Taylor, "Active appearance models", PAMI 2001, with the
variation split into between and within people as in Moghaddam, Jebara, Pentland,
"Bayesian face recognition", Pattern Recognition 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from tools.detector_training.training_faces import SIDE_PX
from tools.sample_people.face_layers import LAYERS, MAP_PX, FaceLayers

# Each block's fraction of the total variance that the components explain. Skin
# carries the identity; clothes should not spend components.
_WEIGHTS = {"shape": 1.0, "skin": 2.0, "hair": 0.4, "clothes": 0.2, "outlines": 0.5}
_SHAPES: dict[str, tuple[int, ...]] = {
    "shape": (68, 2),
    "skin": (SIDE_PX, SIDE_PX, 3),
    "hair": (MAP_PX, MAP_PX, 3),
    "clothes": (MAP_PX, MAP_PX, 3),
    "outlines": (LAYERS, MAP_PX, MAP_PX),
}


@dataclass(frozen=True, eq=False)
class FaceModel:
    """Mean and K components of each block, and how people and photos vary.

    Attributes:
        means: block name to (D,) float32.
        components: block name to (K, D) float32, per unit of a coefficient.
        between: (K, K) covariance of people's mean coefficients.
        within: (K, K) covariance of one person's photos around that mean.
        training: (N, K) coefficients of the training photos.
        fractions: (K, N) weight of each training photo in a unit of a coefficient.
    """

    means: dict[str, Float32]
    components: dict[str, Float32]
    between: NDArray[np.float64]
    within: NDArray[np.float64]
    training: NDArray[np.float64]
    fractions: Float32

    def block(self, name: str, coefficients: NDArray[np.float64]) -> Float32:
        """One block of the face with these (K,) coefficients, in its own shape."""
        row = coefficients.astype(np.float32)
        flat = self.means[name] + row @ self.components[name]
        return flat.reshape(_SHAPES[name])


def fit_model(
    shapes: Float32, layers: Sequence[FaceLayers], people: list[str], count: int
) -> FaceModel:
    """Principal components of all blocks together.

    Args:
        shapes: (N, 68, 2) px in the frame of the mean shape.
        layers: N photographs in layers.
        people: N names; repeated names tell variation within people.
        count: components to keep.
    """
    gram = np.zeros((len(layers), len(layers)))
    blocks: dict[str, Float32] = {}
    means: dict[str, Float32] = {}
    for name, weight in _WEIGHTS.items():
        rows = _rows(name, shapes, layers)
        means[name] = rows.mean(axis=0)
        rows -= means[name]
        own = (rows @ rows.T).astype(np.float64)
        gram += weight * own / np.trace(own)
        blocks[name] = rows
    # Few photos, many pixels: the N x N problem has the same components.
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    # Coefficients of the training photos have variance `values`.
    coefficients = vectors * np.sqrt(values * len(layers))
    back = (vectors / np.sqrt(values * len(layers))).T.astype(np.float32)
    components = {name: back @ rows for name, rows in blocks.items()}
    between, within = _covariances(coefficients, people)
    return FaceModel(means, components, between, within, coefficients, back)


def covariance_root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, K) matrix R with R R^T = the covariance, its negative part left out."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _rows(name: str, shapes: Float32, layers: Sequence[FaceLayers]) -> Float32:
    """(N, D) float32 of one block."""
    size = int(np.prod(_SHAPES[name]))
    rows = np.empty((len(layers), size), dtype=np.float32)
    for row, shape, layer in zip(rows, shapes, layers, strict=True):
        row[:] = shape.ravel() if name == "shape" else getattr(layer, name).ravel()
    return rows


def _covariances(
    coefficients: NDArray[np.float64], people: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between and within people, each (K, K)."""
    _, who = np.unique(np.array(people), return_inverse=True)
    photos = np.bincount(who)
    means = np.zeros((len(photos), coefficients.shape[1]))
    np.add.at(means, who, coefficients)
    means /= photos[:, None]
    off = coefficients - means[who]
    # Each person's mean took one degree of freedom.
    within = off.T @ off / (len(who) - len(photos))
    total = coefficients.T @ coefficients / len(who)
    between = total - within
    return between, within
