"""Gives an embedder back to dlib: a .dat file that dlib's own code loads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from masking.errors import InvalidConfig, ToolkitError
from masking.landmarks import Image
from training.backbones.dlib_network import DlibFaceNet
from training.backbones.dlib_weights import write_dlib_file
from training.embedders.torch_embedder import NetworkEmbedder

TOLERANCE = 1e-5


class FalseExport(ToolkitError):
    """The exported network does not give what the embedder gives."""


def export_dlib(embedder: NetworkEmbedder, path: Path) -> float:
    """Write a .dat for `dlib.face_recognition_model_v1`, and try it.

    Returns:
        The largest difference between dlib's embeddings of a few chips of noise and
        ours; at most TOLERANCE.

    Raises:
        InvalidConfig: the embedder is another network than dlib's.
        FalseExport: dlib gives other embeddings than we do.
    """
    network = embedder.network()
    if not isinstance(network, DlibFaceNet):
        raise InvalidConfig(
            f"{embedder.name} is no network of dlib's kind, and dlib's file holds no "
            "other. Use --format onnx."
        )
    write_dlib_file(network, path)
    chips = sample_chips(embedder)
    difference = float(np.abs(_by_dlib(path, chips) - embedder.embed(chips)).max())
    check_difference(path, difference, TOLERANCE)
    return difference


def sample_chips(embedder: NetworkEmbedder) -> Image:
    """(3, 3, S, S) uint8 noise: it reaches every filter, which a grey chip does not."""
    side = embedder.geometry.size_px
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, 3, side, side), dtype=np.uint8)


def check_difference(path: Path, difference: float, allowed: float) -> None:
    """Refuse an exported file whose embeddings are not the embedder's."""
    # Written this way round, a difference that is no number is refused too.
    if not difference <= allowed:
        raise FalseExport(
            f"{path}: its embeddings differ by {difference:.1e} from ours, at most "
            f"{allowed:.0e} were expected. Do not use it; update torch and the "
            "package that reads it."
        )


def _by_dlib(path: Path, chips: Image) -> np.ndarray[Any, Any]:
    import dlib

    # As bytes: names of files need not be UTF-8, as dlib takes text.
    model: Any = dlib.face_recognition_model_v1(os.fsencode(path))
    upright = chips.transpose(0, 2, 3, 1)
    return np.array(
        [model.compute_face_descriptor(np.ascontiguousarray(c)) for c in upright]
    )
