"""Saves and loads trained embedders, and the state of an unfinished training."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry
from masking.files.writing import write_bytes
from training.backbones.dlib_network import DlibFaceNet
from training.backbones.registry import network_of
from training.checkpoints.store import model_name
from training.embedders.checkpoint_file import (
    REMEDY,
    Exported,
    Record,
    read_file,
    write_file,
)
from training.embedders.torch_embedder import NetworkEmbedder, fingerprint_of
from training.metrics.score_normalization import Cohort

_HASH_LENGTH = 64


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained embedder, and where it came from.

    Attributes:
        network: `state_dict` of the network.
        geometry: the chip that it reads.
        config: what it was trained with, as JSON can hold it.
        manifest_sha256: hex SHA-256 of the manifest that it was trained on.
        report: figures measured on it, as JSON can hold them.
        backbone: kind of network, a name of `backbones`.
        cohort: that its embeddings are compared with, see `cohort`.
    """

    network: Mapping[str, Tensor]
    geometry: ChipGeometry
    config: dict[str, Any]
    manifest_sha256: str
    report: dict[str, Any]
    backbone: str = DlibFaceNet.backbone
    cohort: Cohort | None = None

    @property
    def fingerprint(self) -> str:
        """Of the embedder without flip average; it names the file."""
        return fingerprint_of(
            self.network, self.geometry, False, self.backbone, self.cohort
        )


def save_checkpoint(
    path: Path, checkpoint: Checkpoint, exported: Exported | None = None
) -> None:
    """Write a checkpoint so that a crash leaves the old file or the new.

    Args:
        exported: the file beside it, which is already there.

    Raises:
        TypeError: config or report hold what JSON cannot.
    """
    record = Record(
        checkpoint.fingerprint,
        checkpoint.backbone,
        checkpoint.geometry,
        # Through JSON, so that what is read back is what was written.
        json.loads(json.dumps(checkpoint.config)),
        checkpoint.manifest_sha256,
        json.loads(json.dumps(checkpoint.report)),
        checkpoint.cohort,
        exported,
    )
    weights = {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in checkpoint.network.items()
    }
    write_file(path, record, weights)


def round_filters(network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with filters rounded to float16, and biases as they are.

    They take half the room on disk: about 11 MB instead of 22 of dlib's network.
    """
    return {
        name: tensor.half().float() if tensor.ndim > 1 else tensor
        for name, tensor in network.items()
    }


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; all tensors arrive on the CPU.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, is damaged, or of another version.
    """
    record, weights = read_file(path)
    return Checkpoint(
        {name: torch.from_numpy(values) for name, values in weights.items()},
        record.geometry,
        record.config,
        record.manifest_sha256,
        record.report,
        record.backbone,
        record.cohort,
    )


def load_embedder(
    path: Path, device: torch.device | str = "cpu", flip_average: bool = False
) -> NetworkEmbedder:
    """The embedder of a checkpoint, named after its file, or `shipped`.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, is damaged, or of another version.
    """
    checkpoint = load_checkpoint(path)
    try:
        network = network_of(checkpoint.backbone, checkpoint.network)
    except RuntimeError as error:
        raise BadRecord(
            f"{path}: its weights ({len(checkpoint.network)} tensors) do not fit the "
            f"backbone {checkpoint.backbone}. {REMEDY}"
        ) from error
    return NetworkEmbedder(
        network,
        model_name(path),
        device,
        flip_average,
        checkpoint.geometry,
        checkpoint.cohort,
    )


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state so that a crash leaves the old one or the new.

    Raises:
        TypeError: it holds more than plain values and tensors.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    # Found out now, not when a killed training should go on.
    try:
        _loaded(content)
    except Exception as error:
        raise TypeError(f"the state cannot be read back: {error}") from error
    # torch's own file would load with other numbers when a bit of it has turned.
    digest = hashlib.sha256(content).hexdigest()
    write_bytes(path, digest.encode() + b"\n" + content)


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` was given, tensors on the CPU.

    Raises:
        BadRecord: damaged, or not what `write_state` writes.
    """
    data = path.read_bytes()
    expected, content = data[:_HASH_LENGTH], data[_HASH_LENGTH + 1 :]
    if hashlib.sha256(content).hexdigest().encode() != expected:
        raise BadRecord(
            f"{path}: damaged or cut short: the state of a training that did not end."
        )
    try:
        return dict(_loaded(content))
    # torch raises many types here; all mean that no version of this wrote the file.
    except Exception as error:
        raise BadRecord(
            f"{path}: holds more than plain values and tensors, so it is not opened."
        ) from error


def _loaded(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
