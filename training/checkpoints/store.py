"""Models on disk: a checkpoint and, beside it, its network for a quick start."""

from __future__ import annotations

import logging
from pathlib import Path

from training.backbones.registry import network_of
from training.checkpoints.checkpoint import Checkpoint, save_checkpoint
from training.checkpoints.export_onnx import NotExported, export_quick
from training.checkpoints.onnx_embedder import exported_path
from training.embedders.torch_embedder import NetworkEmbedder

_log = logging.getLogger(__name__)


def add_checkpoint(models: Path, checkpoint: Checkpoint) -> Path:
    """Save a model as `embedder-<fingerprint>.safetensors`; gives the path."""
    path = models / f"embedder-{checkpoint.fingerprint[:12]}.safetensors"
    save_model(path, checkpoint)
    return path


def save_model(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and its network as an ONNX file that needs no torch.

    A network that OpenCV does not run is told of, and saved without such a file.

    Raises:
        RuntimeError: the weights are not those of the checkpoint's backbone.
    """
    network = network_of(checkpoint.backbone, checkpoint.network)
    embedder = NetworkEmbedder(
        network,
        path.stem,
        flip_average=True,
        geometry=checkpoint.geometry,
        cohort=checkpoint.cohort,
    )
    exported = None
    try:
        exported = export_quick(embedder, exported_path(path))
    except NotExported as reason:
        _log.warning("%s; commands load torch for it, which takes seconds.", reason)
    save_checkpoint(path, checkpoint, exported)
