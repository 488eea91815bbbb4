"""Which embedder a command uses: the one asked for, the latest, or the shipped."""

from __future__ import annotations

from pathlib import Path

from masking.errors import MissingInput
from training.checkpoint import load_embedder
from training.model_folder import latest_checkpoint
from training.network_embedder import NetworkEmbedder, best_device, start_embedder

SHIPPED = Path(__file__).parent / "models" / "embedder.pt"
DLIB_NAME = "dlib"
SHIPPED_NAME = "shipped"
AUTO = "auto"


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
    if choice == SHIPPED_NAME:
        return load_embedder(SHIPPED, where, flip_average)
    if choice == AUTO:
        path = latest_checkpoint(models) or SHIPPED
        return load_embedder(path, where, flip_average)
    if not Path(choice).is_file():
        raise MissingInput(
            f"{choice}: no such model. Expected auto, {SHIPPED_NAME}, {DLIB_NAME} or "
            "the path of a checkpoint."
        )
    return load_embedder(Path(choice), where, flip_average)
