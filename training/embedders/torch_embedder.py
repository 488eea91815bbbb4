"""Runs a network on a device as an `Embedder`: chips in, embeddings out."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.backbones.base import FaceNetwork
from training.backbones.dlib_network import DlibFaceNet, read_dlib_network
from training.embedders.embedded_face import check_chips, weights_fingerprint
from training.metrics.score_normalization import Cohort

# Larger ones are no faster on a CPU core; 64 chips need about 100 MB.
_BATCH = 64


class NetworkEmbedder:
    """A trained network that implements `training.embedders.embedded_face.Embedder`.

    It keeps a copy of the network: training the original further changes neither
    embeddings nor fingerprint.
    """

    def __init__(
        self,
        network: FaceNetwork,
        name: str,
        device: torch.device | str = "cpu",
        flip_average: bool = False,
        geometry: ChipGeometry | None = None,
        cohort: Cohort | None = None,
    ) -> None:
        """
        Args:
            network: the weights, on any device.
            name: short, for tables and messages.
            device: where embeddings are computed.
            flip_average: embed a chip as the mean of itself and its mirror image,
                at twice the cost.
            geometry: the chip that the network was trained on; by default the one that
                its kind is made for.
            cohort: of this network's embeddings, see `Embedder`.
        """
        self.name = name
        self.dimension = network.dimension
        self.metric = "euclidean"
        self.geometry = geometry or network.geometry
        self.backbone = network.backbone
        self.flip_average = flip_average
        self.cohort = cohort
        self.fingerprint = fingerprint_of(
            network.state_dict(), self.geometry, flip_average, self.backbone, cohort
        )
        self.device = torch.device(device)
        self._network = copy.deepcopy(network).requires_grad_(False).eval()
        self._network.to(self.device).to(memory_format=torch.channels_last)

    def network(self) -> FaceNetwork:
        """A copy of the network, on its device and ready to embed."""
        return copy.deepcopy(self._network)

    def state(self) -> dict[str, Tensor]:
        """A copy of the weights, to start a training from."""
        return {name: t.clone() for name, t in self._network.state_dict().items()}

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, D) float32 embeddings.

        Rows are independent of the batch they come in, up to rounding (1e-6).

        Raises:
            ValueError: another shape or type.
        """
        check_chips(chips, self.geometry)
        embeddings = np.empty((len(chips), self.dimension), dtype=np.float32)
        for start in range(0, len(chips), _BATCH):
            batch = slice(start, start + _BATCH)
            embeddings[batch] = self._embed_batch(chips[batch])
        return embeddings

    def _embed_batch(self, chips: Image) -> Float32:
        # Full float32, whatever a training loop around this has switched on: TF32
        # and bfloat16 move distances by more than thresholds are calibrated to.
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
        ):
            # A copy, because torch takes neither mirrored nor read-only arrays.
            batch = torch.from_numpy(chips.copy()).to(self.device)
            batch = batch.contiguous(memory_format=torch.channels_last)
            rows = embeddings_of(self._network, batch, self.flip_average)
            return np.asarray(rows.cpu().numpy(), dtype=np.float32)


def embeddings_of(network: FaceNetwork, chips: Tensor, flip_average: bool) -> Tensor:
    """(N, 3, S, S) uint8 chips to (N, D) embeddings, on the device of both.

    Args:
        flip_average: the mean of each chip's and its mirror image's embedding.
    """
    rows = network.embeddings(network(chips))
    if flip_average:
        mirrored = network.embeddings(network(chips.flip(3)))
        rows = network.embeddings((rows + mirrored) / 2)
    return rows


def fingerprint_of(
    state: Mapping[str, Tensor],
    geometry: ChipGeometry,
    flip_average: bool = False,
    backbone: str = DlibFaceNet.backbone,
    cohort: Cohort | None = None,
) -> str:
    """Hex SHA-256 of all that decides embeddings and distances, on any device.

    Args:
        state: `state_dict` of the network, float32.
        backbone: its name in `backbones`.
        cohort: of its embeddings.
    """
    arrays = {
        name: values.detach().cpu().contiguous().numpy()
        for name, values in state.items()
    }
    return weights_fingerprint(arrays, geometry, flip_average, backbone, cohort)


def dlib_embedder(
    device: torch.device | str = "cpu", flip_average: bool = False
) -> NetworkEmbedder:
    """dlib's untouched network, which training starts from and is compared with.

    Raises:
        MissingInput: its file is not installed.
        BadRecord: its file is damaged.
    """
    return NetworkEmbedder(read_dlib_network(), "dlib", device, flip_average)


def best_device(requested: str) -> torch.device:
    """The torch device for "auto" (CUDA where there is one), "cpu" or "cuda[:n]".

    Raises:
        InvalidConfig: another name, or CUDA where there is none.
    """
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(requested)
    except RuntimeError as error:
        raise _unknown_device(requested) from error
    if device.type not in ("cpu", "cuda"):
        raise _unknown_device(requested)
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        raise InvalidConfig(
            f"device {requested!r}: {found} CUDA devices found. Use auto or cpu, or "
            "install a torch that is built for this machine's GPU."
        )
    return device


def _unknown_device(requested: str) -> InvalidConfig:
    return InvalidConfig(
        f"unknown device {requested!r}, expected auto, cpu, cuda or cuda:1"
    )
