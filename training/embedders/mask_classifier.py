"""Whether a face wears a mask, and whether the nose is out, from its chip alone.

Logistic regressions on gradients (HOG) and colours of the face, trained on rendered
masks by `tools/detector_training/train_mask_state.py`. Independent of the embedder:
any chip whose
geometry is known will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry
from masking.files.model_files import read_arrays, shipped_file
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import check_chips

# Side of the picture, and of a cell, px.
SIDE_PX = 64
CELL_PX = 8
CELLS = SIDE_PX // CELL_PX
_BINS = 9
# Strength of a block's gradients below which it counts as flat.
_FLAT = 20.0
GRADIENTS = 4 * _BINS * (CELLS - 1) ** 2
_ROW, _COLUMN = np.mgrid[:SIDE_PX, :SIDE_PX] // CELL_PX
_CELL_OF_PIXEL = _ROW * CELLS + _COLUMN


def oriented_gradients(face: Image) -> Float32:
    """(GRADIENTS,) float32 of a (SIDE_PX, SIDE_PX, 3) uint8 RGB picture.

    The gradient's direction, 0 to 180 degrees, in cells, in blocks of 2 x 2 cells.
    """
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    values = np.sqrt(grey, dtype=np.float32)  # dampens strong light
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=1)
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=1)
    strength, angle_rad = cv2.cartToPolar(across, down)
    place = angle_rad * (_BINS / np.pi)
    low = np.floor(place)
    fraction = (place - low) * strength
    first = low.astype(np.int64) % _BINS
    after = (first + 1) % _BINS
    pixels = _CELL_OF_PIXEL * _BINS
    total = CELLS**2 * _BINS
    histogram = np.bincount(
        (pixels + first).ravel(), (strength - fraction).ravel(), total
    )
    histogram += np.bincount((pixels + after).ravel(), fraction.ravel(), total)
    histogram = histogram.reshape(CELLS, CELLS, _BINS)
    blocks = np.concatenate(
        [
            histogram[:-1, :-1],
            histogram[:-1, 1:],
            histogram[1:, :-1],
            histogram[1:, 1:],
        ],
        axis=2,
    )
    # The usual contrast of a block, so that flat ones stay flat.
    lengths = np.sqrt((blocks**2).sum(axis=2, keepdims=True) + _FLAT**2)
    return np.asarray(blocks / lengths, dtype=np.float32).ravel()


MODEL_FILE = Path(__file__).parents[1] / "models" / "mask-state.npz"
FORMAT_VERSION = 1
# Border of what is looked at around the face square, as a fraction of its side.
_BORDER = 0.15
# Rows of cells that show brows, eyes and cheekbones, mask or not.
_UPPER_ROWS = slice(1, 4)
# Between them nothing is said of a mask. Of 60 synthetic people with a mask below
# sunglasses the 4 taken for unmasked lie there, and of 180 without both, none.
_DOUBTFUL = (0.1, 0.9)
FEATURES = GRADIENTS + 6 * CELLS**2


@dataclass(frozen=True)
class MaskState:
    """What the lower half of a face wears.

    Attributes:
        masked: probability in [0, 1] that a mask covers the mouth. A mask on the
            chin covers no face, a hand or sunglasses are no mask.
        nose_out: probability in [0, 1] that the nose is bare if a mask is worn.
    """

    masked: float
    nose_out: float

    @property
    def is_masked(self) -> bool:
        """Whether a mask is more likely than none."""
        return self.masked >= 0.5

    @property
    def label(self) -> str:
        """In words: "unmasked", "masked", "masked, nose out" or "not sure"."""
        if _DOUBTFUL[0] < self.masked < _DOUBTFUL[1]:
            return "not sure"
        if not self.is_masked:
            return "unmasked"
        return "masked, nose out" if self.nose_out >= 0.5 else "masked"


@dataclass(frozen=True, eq=False)
class MaskStateModel:
    """Two logistic regressions over `features`.

    Attributes:
        weights: (2, F) float32: of the mask, and of the bare nose.
        offsets: (2,) float32.
    """

    weights: Float32
    offsets: Float32

    def __post_init__(self) -> None:
        if self.weights.shape != (2, FEATURES) or self.offsets.shape != (2,):
            raise BadRecord(
                f"a mask-state model has weights {self.weights.shape} and offsets "
                f"{self.offsets.shape}, expected (2, {FEATURES}) and (2,)."
            )
        if not (np.isfinite(self.weights).all() and np.isfinite(self.offsets).all()):
            raise BadRecord("a mask-state model holds a number that is not finite.")

    def states(self, chips: Image, geometry: ChipGeometry) -> tuple[MaskState, ...]:
        """The state of each of (N, 3, S, S) uint8 RGB chips of this geometry.

        Raises:
            ValueError: another shape or type.
        """
        logits = features(chips, geometry) @ self.weights.T + self.offsets
        # exp(-|x|) never overflows.
        small = np.exp(-np.abs(logits))
        fractions = np.where(logits >= 0, 1, small) / (1 + small)
        return tuple(MaskState(float(masked), float(out)) for masked, out in fractions)


def mask_states(chips: Image, geometry: ChipGeometry) -> tuple[MaskState, ...]:
    """`MaskStateModel.states` of the shipped model."""
    return shipped_model().states(chips, geometry)


@cache
def shipped_model() -> MaskStateModel:
    """The model that comes with the project, read once.

    Raises:
        MissingInput: its file is not there.
        BadRecord: it is damaged.
    """
    return read_model(shipped_file(MODEL_FILE))


def read_model(path: Path) -> MaskStateModel:
    """A model from its .npz file.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: damaged, or of another version.
    """
    weights, offsets = read_arrays(
        path, "the mask-state model", FORMAT_VERSION, ("weights", "offsets")
    )
    return MaskStateModel(weights.astype(np.float32), offsets.astype(np.float32))


def features(chips: Image, geometry: ChipGeometry) -> Float32:
    """(N, FEATURES) float32 of (N, 3, S, S) uint8 RGB chips.

    Histograms of oriented gradients of the grey chip (Dalal & Triggs, CVPR 2005),
    then the colour of each cell, with the median of the upper face taken away:
    fabric differs from the skin around the eyes, whatever the light.

    Raises:
        ValueError: another shape or type.
    """
    check_chips(chips, geometry)
    rows = np.empty((len(chips), FEATURES), dtype=np.float32)
    matrix = _crop_matrix(geometry)
    for row, chip in zip(rows, chips, strict=True):
        pixels = np.ascontiguousarray(chip.transpose(1, 2, 0))
        face = _looked_at(pixels, matrix)
        row[:GRADIENTS] = oriented_gradients(face)
        row[GRADIENTS:] = _colours(face)
    return rows


def _crop_matrix(geometry: ChipGeometry) -> Float32:
    """(2, 3) matrix from the looked-at square to chip px (both pixel centres)."""
    span = geometry.square_px * (1 + 2 * _BORDER)
    scale = span / SIDE_PX
    left, top = (
        (geometry.padding - _BORDER + shift) * geometry.square_px + 0.5 * scale - 0.5
        for shift in (geometry.right, geometry.down)
    )
    return np.array([[scale, 0, left], [0, scale, top]], dtype=np.float32)


def _looked_at(pixels: Image, matrix: Float32) -> Image:
    face = cv2.warpAffine(
        pixels,
        matrix,
        (SIDE_PX, SIDE_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(face, dtype=np.uint8)


def _colours(face: Image) -> Float32:
    """Lightness and two colour differences of each cell, against the upper face."""
    small = cv2.resize(face, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    cells = cv2.cvtColor(np.float32(small) / 255, cv2.COLOR_RGB2LAB) / 50
    usual = np.median(cells[_UPPER_ROWS, 1:-1].reshape(-1, 3), axis=0)
    differences = cells - usual
    # The size of a difference tells fabric from skin, its sign only the colour.
    return np.concatenate([differences.ravel(), np.abs(differences).ravel()])
