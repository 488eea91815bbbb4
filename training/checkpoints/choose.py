"""Which embedder a command uses: the one asked for, the latest, or the shipped."""

from __future__ import annotations

from pathlib import Path

from training.checkpoints.checkpoint import load_checkpoint, load_embedder
from training.checkpoints.latest import DLIB_NAME, checkpoint_path
from training.embedders.torch_embedder import (
    NetworkEmbedder,
    best_device,
    start_embedder,
)

AUTO = "auto"


def choose_embedder(
    choice: str, models: Path, device: str, flip_average: bool = True
) -> NetworkEmbedder:
    """The embedder that a command uses.

    Args:
        choice: "auto" is the latest of `models` or, before anything was trained,
            the shipped one; "shipped"; "dlib", the untouched network; or a file.
        device: "auto", "cpu" or "cuda[:N]".
        flip_average: embed a chip as the mean of itself and its mirror image: on
            people held out of training that took masked faces accepted at FAR 1e-3
            from .60 to .63, in twice the time.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: it is no checkpoint.
        InvalidConfig: no such device.
    """
    where = best_device(device)
    if choice == DLIB_NAME:
        return start_embedder(where, flip_average)
    return load_embedder(checkpoint_path(choice, models), where, flip_average)


def rendered_in_training(choice: str, models: Path) -> frozenset[str] | None:
    """The kinds of mask that a model was trained with; None when not recorded.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: it is no checkpoint.
    """
    if choice == DLIB_NAME:
        return frozenset()
    kinds = load_checkpoint(checkpoint_path(choice, models)).config.get("kinds")
    if not isinstance(kinds, str):
        return None
    return frozenset(kind.strip() for kind in kinds.split(","))
