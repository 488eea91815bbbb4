"""The models folder: which checkpoint is used, run by torch or onnxruntime.

Imports torch only where it is needed: that costs more than two seconds of CPU time,
embedding one face a fiftieth of one. For few faces onnxruntime runs the exported
network; its embeddings are those of `NetworkEmbedder`, up to rounding.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.faces.alignment import ChipGeometry
from masking.files.model_files import onnx_session, shipped_file
from masking.files.writing import write_bytes
from masking.landmarks import Float32, Image
from training.embedders.checkpoint_file import Exported, read_record
from training.embedders.embedded_face import Embedder, check_chips
from training.metrics.score_normalization import Cohort

if TYPE_CHECKING:
    from training.checkpoints.checkpoint import Checkpoint
    from training.embedders.torch_embedder import NetworkEmbedder


_MODELS = Path(__file__).parents[1] / "models"
SHIPPED = _MODELS / "embedder.safetensors"
# dlib's network trained on masks, in dlib's space: for galleries that dlib encoded.
SHIPPED_DLIB = _MODELS / "dlib-masked.safetensors"
DLIB_NAME = "dlib"
SHIPPED_NAME, DLIB_MASKED_NAME = "shipped", "dlib-masked"
OWN_MODELS = {SHIPPED_NAME: SHIPPED, DLIB_MASKED_NAME: SHIPPED_DLIB}
# The state of a training that did not end, and its files that can be made again.
STATE = "training.pt"
CACHE = "cache"
_LATEST = "latest"
_log = logging.getLogger(__name__)
AUTO = "auto"


def set_latest(models: Path, path: Path) -> None:
    """Make a file of the models folder the one that commands use by default.

    Raises:
        ValueError: the file is not in that folder.
    """
    if path.resolve().parent != models.resolve() or not path.is_file():
        raise ValueError(f"{path} is not a file in {models}")
    write_bytes(models / _LATEST, f"{path.name}\n".encode())


def latest_checkpoint(models: Path) -> Path | None:
    """The checkpoint that `set_latest` chose, or None before anything was trained.

    Raises:
        BadRecord: the chosen file is gone, or the record is damaged.
    """
    record = models / _LATEST
    if not record.is_file():
        return None
    name = record.read_bytes().decode(errors="replace").strip()
    # Path(name).name differs where the name would lead out of the folder.
    if not name or Path(name).name != name or not (models / name).is_file():
        raise BadRecord(
            f"{record}: names {name!r}, expected a checkpoint in {models}. Write the "
            "name of one into it, or run: python cli.py train"
        )
    return models / name


def model_name(checkpoint: Path) -> str:
    """What tables and cards call the network of a checkpoint."""
    names = {path: name for name, path in OWN_MODELS.items()}
    return names.get(checkpoint, checkpoint.stem)


def checkpoint_path(choice: str, models: Path) -> Path:
    """The checkpoint that a choice other than DLIB_NAME means.

    Args:
        choice: "auto" is the latest of `models` or, before anything was trained,
            the shipped one; a key of OWN_MODELS; or a file.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: the record of the latest one, or a shipped one, is damaged.
    """
    if choice in OWN_MODELS:
        return shipped_file(OWN_MODELS[choice])
    if choice == "auto":
        return latest_checkpoint(models) or shipped_file(OWN_MODELS[SHIPPED_NAME])
    if not Path(choice).is_file():
        raise MissingInput(
            f"{choice}: no such model. Expected auto, {', '.join(OWN_MODELS)}, "
            f"{DLIB_NAME} or the path of a checkpoint."
        )
    return Path(choice)


def add_checkpoint(models: Path, checkpoint: Checkpoint) -> Path:
    """Save a model as `embedder-<fingerprint>.safetensors`; gives the path."""
    path = models / f"embedder-{checkpoint.fingerprint[:12]}.safetensors"
    save_model(path, checkpoint)
    return path


def save_model(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and its network as an ONNX file that needs no torch.

    A network that cannot be exported is told of, and saved without such a file.

    Raises:
        RuntimeError: the weights are not those of the checkpoint's backbone.
    """
    from training.backbones.registry import network_of
    from training.checkpoints.checkpoint import save_checkpoint
    from training.checkpoints.export import NotExported, export_embedder
    from training.checkpoints.store import exported_path
    from training.embedders.torch_embedder import NetworkEmbedder

    network = network_of(checkpoint.backbone, checkpoint.network)
    embedder = NetworkEmbedder(
        network,
        path.stem,
        flip_average=True,
        geometry=checkpoint.geometry,
        cohort=checkpoint.cohort,
    )
    exported = None
    try:
        exported = export_embedder(embedder, exported_path(path))
    except NotExported as reason:
        _log.warning("%s; commands load torch for it, which takes seconds.", reason)
    save_checkpoint(path, checkpoint, exported)


def forget_photos(models: Path, were_trained_on: bool) -> list[Path]:
    """Delete embeddings of photographs; they are made again when wanted.

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


def choose_embedder(
    choice: str, models: Path, device: str, flip_average: bool = True
) -> NetworkEmbedder:
    """The embedder that a command uses.

    Args:
        choice: "auto" is the latest of `models` or, before anything was trained,
            the shipped one; "shipped"; "dlib-masked", dlib's network trained on
            masks; "dlib", the untouched one; or a file.
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


def choose_onnx_embedder(choice: str, models: Path) -> Embedder:
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


# Of embeddings as long as 1: distances are calibrated to a thousandth.
TOLERANCE = 1e-5
# Of the exported network.
INPUT, OUTPUT = "chips", "embeddings"


class NeedsTorch(ToolkitError):
    """The exported network is not there, or onnxruntime does not run it."""


class OnnxEmbedder:
    """A trained network that implements `embedded_face.Embedder` without torch.

    Embeds a chip as the mean of itself and its mirror image, as `choose_embedder` does.
    """

    def __init__(
        self,
        content: bytes,
        exported: Exported,
        name: str,
        geometry: ChipGeometry,
        cohort: Cohort | None,
    ) -> None:
        """
        Args:
            content: an ONNX file as `export.onnx_bytes` makes it.
            exported: what its checkpoint knows of it.
            geometry: the chip that the network was trained on.
            cohort: of its embeddings, see `Embedder`.

        Raises:
            NeedsTorch: onnxruntime cannot run it, or finds other embeddings than
                torch.
        """
        self.name = name
        self.dimension = len(exported.probe)
        self.metric = "euclidean"
        self.geometry = geometry
        self.cohort = cohort
        self.fingerprint = exported.fingerprint
        self._normalised = exported.normalised
        try:
            self._session = onnx_session(content)
            found = self.embed(probe_chip(self.geometry.size_px)[None])[0]
        # onnxruntime's exceptions have no common base.
        except Exception as error:
            raise NeedsTorch(f"onnxruntime cannot run it: {error}") from error
        # Another version may read an operator otherwise, without a word.
        difference = float(np.abs(found - np.array(exported.probe)).max())
        if not difference <= TOLERANCE:
            raise NeedsTorch(
                f"onnxruntime differs from torch by {difference:.1e}, at most "
                f"{TOLERANCE:.0e} is expected"
            )

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, D) float32 embeddings.

        Raises:
            ValueError: another shape or type.
        """
        check_chips(chips, self.geometry)
        embeddings = np.empty((len(chips), self.dimension), dtype=np.float32)
        for row, chip in zip(embeddings, chips, strict=True):
            # One at a time: a row does not depend on the others.
            both = np.stack([chip, chip[..., ::-1]])
            row[:] = self._session.run([OUTPUT], {INPUT: both})[0].mean(axis=0)
            if self._normalised:
                row /= max(float(np.linalg.norm(row)), 1e-12)
        return embeddings


def probe_chip(side_px: int) -> Image:
    """(3, S, S) uint8 pixels that are the same everywhere and reach every filter."""
    steps = np.arange(3 * side_px**2, dtype=np.int64)
    return (steps**2 % 251).astype(np.uint8).reshape(3, side_px, side_px)


def exported_path(checkpoint: Path) -> Path:
    """Where a checkpoint's exported network lies: beside it."""
    return checkpoint.with_suffix(".onnx")


def load_onnx_embedder(checkpoint: Path) -> OnnxEmbedder:
    """The embedder of a checkpoint's exported network, named after the checkpoint.

    Raises:
        MissingInput: the checkpoint cannot be read.
        BadRecord: it or the exported network is damaged, or that of another.
        NeedsTorch: there is no exported network, or onnxruntime does not run it.
    """
    record, path = read_record(checkpoint), exported_path(checkpoint)
    if record.exported is None:
        raise NeedsTorch(f"{checkpoint}: was saved without an exported network")
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = f"{path}: cannot be read ({error.strerror or error})"
        if checkpoint in OWN_MODELS.values():
            raise BadRecord(f"{reason}. Install this program again.") from error
        raise NeedsTorch(reason) from error
    found, expected = hashlib.sha256(content).hexdigest(), record.exported.sha256
    if found != expected:
        remedy = "Delete it, and torch is used, or run: python cli.py train"
        if checkpoint in OWN_MODELS.values():
            remedy = "Install this program again."
        raise BadRecord(
            f"{path}: damaged, or not the network of {checkpoint.name}: its SHA-256 is "
            f"{found[:12]}, expected {expected[:12]}. "
            f"{remedy}"
        )
    try:
        return OnnxEmbedder(
            content,
            record.exported,
            model_name(checkpoint),
            record.geometry,
            record.cohort,
        )
    except NeedsTorch as error:
        raise NeedsTorch(f"{path}: {error}") from error
