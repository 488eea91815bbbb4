"""Which embedder a command uses: the one asked for, the latest, or the shipped."""

from __future__ import annotations

from pathlib import Path

from masking.errors import InvalidConfig, MissingInput
from training.backbones import make_network
from training.checkpoint import is_checkpoint, load_embedder
from training.dlib_network import DlibFaceNet
from training.model_folder import latest_checkpoint
from training.network_embedder import NetworkEmbedder, best_device, start_embedder
from training.published_weights import published_network

SHIPPED = Path(__file__).parent / "models" / "embedder.pt"
DLIB_NAME = "dlib"
SHIPPED_NAME = "shipped"
SCRATCH_NAME = "scratch"
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


def choose_start(
    choice: str, backbone: str, models: Path, device: str, seed: int
) -> NetworkEmbedder:
    """The network that a training starts from.

    Args:
        choice: "auto" is the shipped embedder for dlib's network and random weights
            for all others; "scratch", random weights; what `choose_embedder` takes;
            or a file of weights that others published for this backbone.
        backbone: "auto" is that of the start, or dlib's for random weights.
        seed: of random weights.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: its weights are of another network.
        InvalidConfig: no such device or backbone, or not that of the start.
    """
    kind = DlibFaceNet.backbone if backbone == AUTO else backbone
    if choice == AUTO:
        choice = SHIPPED_NAME if kind == DlibFaceNet.backbone else SCRATCH_NAME
    where = best_device(device)
    if choice == SCRATCH_NAME:
        return NetworkEmbedder(make_network(kind, seed), SCRATCH_NAME, where)
    path = Path(choice)
    if path.is_file() and not is_checkpoint(path):
        if backbone == AUTO:
            raise InvalidConfig(
                f"{path}: does not say of which network its weights are. Add "
                "--backbone, such as iresnet50."
            )
        network = published_network(path, kind)
        return NetworkEmbedder(network, path.stem, where)
    start = choose_embedder(choice, models, device)
    if backbone not in (AUTO, start.backbone):
        raise InvalidConfig(
            f"--start {choice} is a {start.backbone} network, but --backbone is "
            f"{backbone}. Leave one of them out, or use --start {SCRATCH_NAME}."
        )
    return start
