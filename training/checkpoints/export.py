"""Writes an embedder for other programs: dlib's own .dat, or ONNX."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from masking.errors import InvalidConfig, ToolkitError
from masking.files.model_files import onnx_session
from masking.files.writing import write_bytes
from masking.landmarks import Float32, Image
from training.backbones.dlib_network import DlibFaceNet, write_dlib_file
from training.checkpoints.store import (
    INPUT,
    OUTPUT,
    NeedsTorch,
    OnnxEmbedder,
    probe_chip,
)
from training.embedders.checkpoint_file import Exported, shortest
from training.embedders.torch_embedder import NetworkEmbedder, embeddings_of

DLIB_TOLERANCE = 1e-5
ONNX_TOLERANCE = 1e-4
# Known to all onnxruntimes that we take.
_OPSET = 18


class FalseExport(ToolkitError):
    """The exported network does not give what the embedder gives."""


def export_dlib(embedder: NetworkEmbedder, path: Path) -> float:
    """Write a .dat for `dlib.face_recognition_model_v1`, and try it.

    Returns:
        The largest difference between dlib's embeddings of a few chips of noise and
        ours; at most DLIB_TOLERANCE.

    Raises:
        InvalidConfig: the embedder is another network than dlib's.
        FalseExport: dlib gives other embeddings than we do.
    """
    network = embedder.network()
    if not isinstance(network, DlibFaceNet):
        raise InvalidConfig(
            f"{embedder.name} is no network of dlib's kind, and dlib's file holds no "
            "other. Add --model dlib-masked, or use --format onnx."
        )
    write_dlib_file(network, path)
    chips = sample_chips(embedder)
    difference = float(np.abs(_by_dlib(path, chips) - embedder.embed(chips)).max())
    check_difference(path, difference, DLIB_TOLERANCE)
    return difference


def sample_chips(embedder: NetworkEmbedder) -> Image:
    """(3, 3, S, S) uint8 noise: it reaches every filter, which a grey chip does not."""
    side = embedder.geometry.size_px
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, 3, side, side), dtype=np.uint8)


def check_difference(path: Path, difference: float, allowed: float) -> None:
    """Refuse an exported file whose embeddings are not the embedder's."""
    # Written this way round, a difference that is no number is refused too.
    if not difference <= allowed:
        raise FalseExport(
            f"{path}: its embeddings differ by {difference:.1e} from ours, at most "
            f"{allowed:.0e} were expected. Do not use it; update torch and the "
            "package that reads it."
        )


def _by_dlib(path: Path, chips: Image) -> np.ndarray[Any, Any]:
    import dlib

    # As bytes: names of files need not be UTF-8, as dlib takes text.
    model: Any = dlib.face_recognition_model_v1(os.fsencode(path))
    upright = chips.transpose(0, 2, 3, 1)
    return np.array(
        [model.compute_face_descriptor(np.ascontiguousarray(c)) for c in upright]
    )


class NotExported(ToolkitError):
    """A network that torch does not export, or onnxruntime does not run."""


def export_onnx(embedder: NetworkEmbedder, path: Path) -> float:
    """Write an ONNX file, and try it with onnxruntime.

    Its input `chips` is (N, 3, S, S) uint8 RGB, its output `embeddings` (N, D)
    float32, for any N; all that a chip needs before the network is inside.

    Returns:
        The largest difference between onnxruntime's embeddings of a few chips of
        noise and ours, alone and together; at most ONNX_TOLERANCE.

    Raises:
        NotExported: torch does not export this kind of network.
        FalseExport: onnxruntime gives other embeddings than we do.
    """
    chips = sample_chips(embedder)
    write_bytes(path, onnx_bytes(embedder, embedder.flip_average))
    session = onnx_session(path.read_bytes())
    wanted = embedder.embed(chips)
    found = [_run(session, chips), *(_run(session, chip[None]) for chip in chips)]
    together, alone = found[0], np.concatenate(found[1:])
    difference = max(np.abs(part - wanted).max() for part in (together, alone))
    check_difference(path, float(difference), ONNX_TOLERANCE)
    return float(difference)


def _run(session: Any, chips: Image) -> Float32:
    return np.asarray(session.run([OUTPUT], {INPUT: chips})[0], dtype=np.float32)


def export_embedder(embedder: NetworkEmbedder, path: Path) -> Exported:
    """Write the file that `OnnxEmbedder` runs, and try it.

    Args:
        embedder: with flip average. The file is without: mirrored pictures come as
            pictures of their own.

    Returns:
        What the checkpoint must know of the file.

    Raises:
        NotExported: torch does not export this network, or onnxruntime does not run
            it.
    """
    content = onnx_bytes(embedder, False)
    probe = embedder.embed(probe_chip(embedder.geometry.size_px)[None])[0]
    exported = Exported(
        hashlib.sha256(content).hexdigest(),
        embedder.fingerprint,
        embedder.network().normalised,
        tuple(float(value) for value in probe),
    )
    try:
        OnnxEmbedder(
            content, exported, embedder.name, embedder.geometry, embedder.cohort
        )
    except NeedsTorch as error:
        raise NotExported(f"{embedder.name}: {error}") from error
    write_bytes(path, content)
    return exported


class _Embedding(nn.Module):
    """What `NetworkEmbedder.embed` does, as one module."""

    def __init__(self, embedder: NetworkEmbedder, flip_average: bool):
        super().__init__()
        self.network = embedder.network().cpu()
        self.flip_average = flip_average

    def forward(self, chips: Tensor) -> Tensor:
        return embeddings_of(self.network, chips, self.flip_average)


def onnx_bytes(embedder: NetworkEmbedder, flip_average: bool) -> bytes:
    """An ONNX file as `export_onnx` describes it; filters as float16 where they fit.

    Raises:
        NotExported: torch does not export this kind of network.
    """
    written: Any = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Of its age, and of what follows the sides of chips, which are always the
            # same. The exporter that torch prefers takes 5 to 8 s, this one .3.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Embedding(embedder, flip_average).eval(),
                (torch.from_numpy(sample_chips(embedder)),),
                written,
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=_OPSET,
                dynamic_axes={INPUT: {0: "chips"}, OUTPUT: {0: "chips"}},
                dynamo=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise NotExported(
            f"{embedder.name}: torch does not export it ({reason})"
        ) from error
    model = onnx.load_from_string(written.getvalue())
    _halve(model.graph)
    return bytes(model.SerializeToString())


def _halve(graph: Any) -> None:
    """Keep filters as float16 that it holds exactly, beside what makes them float32."""
    casts = []
    for stored in graph.initializer:
        name, values = stored.name, numpy_helper.to_array(stored)
        half = shortest(values)
        if values.ndim > 1 and half.dtype != values.dtype:
            stored.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(
                onnx.helper.make_node(
                    "Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT
                )
            )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
