"""Runs an exported network with OpenCV: a process of a few faces starts at once.

Importing torch costs more than two seconds of CPU time, embedding one face a fiftieth
of one. The embeddings are those of `NetworkEmbedder`, up to rounding.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np

from masking.errors import BadRecord, ToolkitError
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.checkpoints.store import OWN_MODELS, model_name
from training.embedders.checkpoint_file import Exported, read_record
from training.embedders.embedded_face import check_chips
from training.metrics.score_normalization import Cohort

# Of embeddings as long as 1: distances are calibrated to a thousandth.
TOLERANCE = 1e-5


class NeedsTorch(ToolkitError):
    """The exported network is not there, or OpenCV does not run it."""


class OnnxEmbedder:
    """A trained network that implements `embedded_face.Embedder` without torch.

    Embeds a chip as the mean of itself and its mirror image, as `choose_embedder` does.
    """

    def __init__(
        self,
        content: bytes,
        exported: Exported,
        name: str,
        geometry: ChipGeometry,
        cohort: Cohort | None,
    ) -> None:
        """
        Args:
            content: an ONNX file as `export.onnx_bytes` makes it.
            exported: what its checkpoint knows of it.
            geometry: the chip that the network was trained on.
            cohort: of its embeddings, see `Embedder`.

        Raises:
            NeedsTorch: OpenCV cannot run it, or finds other embeddings than torch.
        """
        self.name = name
        self.dimension = len(exported.probe)
        self.metric = "euclidean"
        self.geometry = geometry
        self.cohort = cohort
        self.fingerprint = exported.fingerprint
        self._normalised = exported.normalised
        try:
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
            found = self.embed(probe_chip(self.geometry.size_px)[None])[0]
        except cv2.error as error:
            reason = error.err or "unknown error"
            raise NeedsTorch(
                f"OpenCV {cv2.__version__} cannot run it: {reason}"
            ) from error
        # Another version of OpenCV may read an operator otherwise, without a word.
        difference = float(np.abs(found - np.array(exported.probe)).max())
        if not difference <= TOLERANCE:
            raise NeedsTorch(
                f"OpenCV {cv2.__version__} differs from torch by {difference:.1e}, at "
                f"most {TOLERANCE:.0e} is expected"
            )

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, D) float32 embeddings.

        Raises:
            ValueError: another shape or type.
        """
        check_chips(chips, self.geometry)
        embeddings = np.empty((len(chips), self.dimension), dtype=np.float32)
        for row, chip in zip(embeddings, chips, strict=True):
            # Always two: OpenCV plans again for another number.
            self._network.setInput(np.stack([chip, chip[..., ::-1]]))
            row[:] = self._network.forward().mean(axis=0)
            if self._normalised:
                row /= max(float(np.linalg.norm(row)), 1e-12)
        return embeddings


def probe_chip(side_px: int) -> Image:
    """(3, S, S) uint8 pixels that are the same everywhere and reach every filter."""
    steps = np.arange(3 * side_px**2, dtype=np.int64)
    return (steps**2 % 251).astype(np.uint8).reshape(3, side_px, side_px)


def exported_path(checkpoint: Path) -> Path:
    """Where a checkpoint's exported network lies: beside it."""
    return checkpoint.with_suffix(".onnx")


def load_onnx_embedder(checkpoint: Path) -> OnnxEmbedder:
    """The embedder of a checkpoint's exported network, named after the checkpoint.

    Raises:
        MissingInput: the checkpoint cannot be read.
        BadRecord: it or the exported network is damaged, or that of another.
        NeedsTorch: there is no exported network, or OpenCV does not run it.
    """
    record, path = read_record(checkpoint), exported_path(checkpoint)
    if record.exported is None:
        raise NeedsTorch(f"{checkpoint}: was saved without an exported network")
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = f"{path}: cannot be read ({error.strerror or error})"
        if checkpoint in OWN_MODELS.values():
            raise BadRecord(f"{reason}. Install this program again.") from error
        raise NeedsTorch(reason) from error
    found, expected = hashlib.sha256(content).hexdigest(), record.exported.sha256
    if found != expected:
        remedy = "Delete it, and torch is used, or run: python cli.py train"
        if checkpoint in OWN_MODELS.values():
            remedy = "Install this program again."
        raise BadRecord(
            f"{path}: damaged, or not the network of {checkpoint.name}: its SHA-256 is "
            f"{found[:12]}, expected {expected[:12]}. "
            f"{remedy}"
        )
    try:
        return OnnxEmbedder(
            content,
            record.exported,
            model_name(checkpoint),
            record.geometry,
            record.cohort,
        )
    except NeedsTorch as error:
        raise NeedsTorch(f"{path}: {error}") from error
