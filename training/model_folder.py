"""The models folder of a workspace: checkpoints by fingerprint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from training.checkpoint import Checkpoint, round_filters, save_checkpoint


def add_checkpoint(models: Path, checkpoint: Checkpoint, half: bool = False) -> Path:
    """Save as `embedder-<fingerprint>.pt` in a models folder; gives the path.

    Args:
        half: as in `save_checkpoint`; the fingerprint is that of the rounded weights.
    """
    if half:
        rounded = {n: t.float() for n, t in round_filters(checkpoint.network).items()}
        checkpoint = dataclasses.replace(checkpoint, network=rounded)
    path = models / f"embedder-{checkpoint.fingerprint[:12]}.pt"
    save_checkpoint(path, checkpoint, half)
    return path
