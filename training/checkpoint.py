"""Saves and loads trained embedders.

A file is a line that says what it is, a line with the SHA-256 of all that follows,
and a dict of plain values and tensors as `torch.save` writes it.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from masking.alignment import ChipGeometry
from masking.errors import BadRecord, InvalidConfig
from training.backbones import network_of
from training.checkpoint_file import MAGIC, REMEDY, read_content, write_content
from training.cohort import Cohort
from training.dlib_network import DlibFaceNet
from training.network_embedder import NetworkEmbedder, fingerprint_of

FORMAT_VERSION = 3
_KIND = "embedder"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained embedder, where it came from, and how to train it further.

    Attributes:
        network: `state_dict` of the network.
        geometry: the chip that it reads.
        config: what it was trained with, as JSON can hold it.
        manifest_sha256: hex SHA-256 of the manifest that it was trained on.
        report: figures measured on it, as JSON can hold them.
        resume: what training needs to go on exactly (optimiser, schedule, random
            states): plain values and tensors. None once training has ended.
        backbone: kind of network, a name of `backbones`.
        cohort: that its embeddings are compared with, see `cohort`.
    """

    network: Mapping[str, Tensor]
    geometry: ChipGeometry
    config: dict[str, Any]
    manifest_sha256: str
    report: dict[str, Any]
    resume: dict[str, Any] | None = None
    backbone: str = DlibFaceNet.backbone
    cohort: Cohort | None = None

    @property
    def fingerprint(self) -> str:
        """Of the embedder without flip average; it names the file."""
        return fingerprint_of(
            self.network, self.geometry, False, self.backbone, self.cohort
        )


def save_checkpoint(path: Path, checkpoint: Checkpoint, half: bool = False) -> None:
    """Write a checkpoint so that a crash leaves the old file or the new.

    Args:
        half: store filters as float16, about 11 MB instead of 22; they are loaded
            as float32. Biases, which take no room, keep every bit.

    Raises:
        ValueError: `half` with a resume state, which rounding would falsify.
        TypeError: config, report or resume state hold what cannot be read back.
    """
    if half and checkpoint.resume is not None:
        raise ValueError("half precision is for finished networks, without resume")
    network = round_filters(checkpoint.network) if half else checkpoint.network
    payload = {
        "kind": _KIND,
        "format_version": FORMAT_VERSION,
        "network": {n: t.detach().cpu().contiguous() for n, t in network.items()},
        "geometry": dataclasses.asdict(checkpoint.geometry),
        # Through JSON, so that only what JSON can hold gets in.
        "config": json.loads(json.dumps(checkpoint.config)),
        "manifest_sha256": checkpoint.manifest_sha256,
        "report": json.loads(json.dumps(checkpoint.report)),
        "resume": checkpoint.resume,
        "backbone": checkpoint.backbone,
        "cohort": _stored(checkpoint.cohort),
    }
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    content = buffer.getvalue()
    # Found out now, not when a killed training should go on.
    try:
        _unpickle(content)
    except Exception as error:
        raise TypeError(f"the resume state cannot be read back: {error}") from error
    write_content(path, content)


def _stored(cohort: Cohort | None) -> dict[str, Any] | None:
    if cohort is None:
        return None
    return {"members": torch.from_numpy(cohort.members).half(), "usual": cohort.usual}


def _cohort(stored: dict[str, Any] | None) -> Cohort | None:
    if stored is None:
        return None
    return Cohort.of(stored["members"].float().numpy(), stored["usual"])


def round_filters(network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with filters as float16 and biases as they are."""
    return {
        name: tensor.half() if tensor.ndim > 1 else tensor
        for name, tensor in network.items()
    }


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; all tensors arrive on the CPU, weights as float32.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, is damaged, or of a newer version.
    """
    payload = _checked(path, _read_payload(path))
    try:
        geometry = ChipGeometry(**payload["geometry"])
        cohort = _cohort(payload["cohort"])
    except (TypeError, ValueError, KeyError, AttributeError, InvalidConfig) as error:
        raise BadRecord(
            f"{path}: its chip geometry or cohort makes no sense ({error}). {REMEDY}"
        ) from error
    # Counters of batch normalisation stay whole numbers.
    network = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in payload["network"].items()
    }
    return Checkpoint(
        network,
        geometry,
        payload["config"],
        payload["manifest_sha256"],
        payload["report"],
        payload["resume"],
        payload["backbone"],
        cohort,
    )


def is_checkpoint(path: Path) -> bool:
    """Whether a file begins as this project's checkpoints do."""
    with path.open("rb") as file:
        return bool(file.read(len(MAGIC)) == MAGIC)


def load_embedder(
    path: Path, device: torch.device | str = "cpu", flip_average: bool = False
) -> NetworkEmbedder:
    """The embedder of a checkpoint, named after its file.

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
        path.stem,
        device,
        flip_average,
        checkpoint.geometry,
        checkpoint.cohort,
    )


def _read_payload(path: Path) -> Any:
    content = read_content(path)
    try:
        return _unpickle(content)
    # torch raises many types here; all mean that no version of this wrote the file.
    except Exception as error:
        raise BadRecord(
            f"{path}: holds more than weights and plain values, so it is not opened. "
            "Use only checkpoints that python cli.py train wrote."
        ) from error


def _unpickle(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _checked(path: Path, payload: Any) -> dict[str, Any]:
    """A payload of this version with all its parts."""
    kind = payload.get("kind") if isinstance(payload, dict) else type(payload).__name__
    if kind != _KIND:
        raise BadRecord(
            f"{path}: holds {kind!r}, expected {_KIND!r}. Give a file that python "
            "cli.py train wrote."
        )
    version = payload.get("format_version")
    if version in (1, 2):
        payload = _upgrade(payload)
    elif version != FORMAT_VERSION:
        raise BadRecord(
            f"{path}: has format version {version!r}, this toolkit reads up to "
            f"{FORMAT_VERSION}. Update the toolkit."
        )
    expected = {field.name for field in dataclasses.fields(Checkpoint)}
    missing = expected - payload.keys()
    if missing:
        raise BadRecord(f"{path}: lacks {', '.join(sorted(missing))}. {REMEDY}")
    return dict(payload)


def _upgrade(payload: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew dlib's network only, 1 and 2 no cohort."""
    older = {"backbone": DlibFaceNet.backbone, "cohort": None}
    return older | payload | {"format_version": FORMAT_VERSION}
