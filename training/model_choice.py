"""Which embedder a command uses: the one asked for, the latest, or the shipped."""

from __future__ import annotations

from pathlib import Path

from training.checkpoint import load_embedder
from training.latest_model import DLIB_NAME, checkpoint_path
from training.network_embedder import NetworkEmbedder, best_device, start_embedder


def choose_embedder(
    choice: str, models: Path, device: str, flip_average: bool = False
) -> NetworkEmbedder:
    """The embedder that a command uses.

    Args:
        choice: "auto" is the latest of `models` or, before anything was trained,
            the shipped one; "shipped"; "dlib", the untouched network; or a file.
        device: "auto", "cpu" or "cuda[:N]".

    Raises:
        MissingInput: the file does not exist.
        BadRecord: it is no checkpoint.
        InvalidConfig: no such device.
    """
    where = best_device(device)
    if choice == DLIB_NAME:
        return start_embedder(where, flip_average)
    return load_embedder(checkpoint_path(choice, models), where, flip_average)
