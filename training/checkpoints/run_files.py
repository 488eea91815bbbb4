"""What a training keeps in the models folder to go on from."""

from __future__ import annotations

import shutil
from pathlib import Path

STATE = "training.pt"
CACHE = "cache"


def forget_photos(models: Path, were_trained_on: bool) -> list[Path]:
    """Delete embeddings and maps of photographs; they are made again when wanted.

    Args:
        were_trained_on: whether a training may have seen somebody who is to be
            forgotten; then the state of a run goes too, whose head may hold a vector
            of each person.

    Returns:
        Checkpoints that such a training may have made; empty without one.

    Raises:
        OSError: something cannot be deleted.
    """
    cache = models / CACHE
    if cache.exists():
        shutil.rmtree(cache)
    if not were_trained_on:
        return []
    (models / STATE).unlink(missing_ok=True)
    return sorted(models.glob("embedder-*.*"))
