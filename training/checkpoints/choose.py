"""Which embedder a command uses: the one asked for, the latest, or the shipped.

torch is imported only where it is needed: it takes seconds.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from training.checkpoints.onnx_embedder import NeedsTorch, load_onnx_embedder
from training.checkpoints.store import DLIB_NAME, checkpoint_path
from training.embedders.checkpoint_file import read_record
from training.embedders.protocol import Embedder

if TYPE_CHECKING:
    from training.embedders.torch_embedder import NetworkEmbedder

AUTO = "auto"
_log = logging.getLogger(__name__)


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
    from training.checkpoints.checkpoint import load_embedder
    from training.embedders.torch_embedder import best_device, dlib_embedder

    where = best_device(device)
    if choice == DLIB_NAME:
        return dlib_embedder(where, flip_average)
    return load_embedder(checkpoint_path(choice, models), where, flip_average)


def choose_quick_embedder(choice: str, models: Path) -> Embedder:
    """The embedder that `choose_embedder` would give, ready in a tenth of the time.

    For many faces `choose_embedder` is the better choice: torch embeds them faster.

    Args:
        choice: as for `choose_embedder`.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: it is no checkpoint, or its exported network is damaged.
    """
    if choice != DLIB_NAME:
        try:
            return load_onnx_embedder(checkpoint_path(choice, models))
        except NeedsTorch as reason:
            _log.warning("%s; torch is used, which takes seconds to load.", reason)
    return choose_embedder(choice, models, "cpu")


def rendered_in_training(choice: str, models: Path) -> frozenset[str] | None:
    """The kinds of mask that a model was trained with; None when not recorded.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: it is no checkpoint.
    """
    if choice == DLIB_NAME:
        return frozenset()
    kinds = read_record(checkpoint_path(choice, models)).config.get("kinds")
    if not isinstance(kinds, str):
        return None
    return frozenset(kind.strip() for kind in kinds.split(","))
