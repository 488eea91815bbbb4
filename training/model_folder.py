"""The models folder of a workspace: checkpoints by fingerprint."""

from __future__ import annotations

from pathlib import Path

from training.checkpoint import Checkpoint, save_checkpoint


def add_checkpoint(models: Path, checkpoint: Checkpoint) -> Path:
    """Save as `embedder-<fingerprint>.safetensors`; gives the path."""
    path = models / f"embedder-{checkpoint.fingerprint[:12]}.safetensors"
    save_checkpoint(path, checkpoint)
    return path
