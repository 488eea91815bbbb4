"""Writes an embedder as ONNX: uint8 RGB chips in, embeddings out, any batch size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from masking.errors import MissingInput
from masking.image_files import write_bytes
from masking.landmarks import Float32, Image
from training.export_dlib import check_difference, sample_chips
from training.network_embedder import NetworkEmbedder, embeddings_of

TOLERANCE = 1e-4
INPUT, OUTPUT = "chips", "embeddings"


def export_onnx(embedder: NetworkEmbedder, path: Path) -> float:
    """Write an ONNX file, and try it with onnxruntime.

    Its input `chips` is (N, 3, S, S) uint8 RGB, its output `embeddings` (N, D)
    float32, for any N; all that a chip needs before the network is inside.

    Returns:
        The largest difference between onnxruntime's embeddings of a few chips of
        noise and ours, alone and together; at most TOLERANCE.

    Raises:
        MissingInput: onnx, onnxscript or onnxruntime is not installed.
        FalseExport: onnxruntime gives other embeddings than we do.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingInput(
            f"--format onnx needs {error.name}. Run: pip install 'masked-faces[onnx]'"
        ) from error
    chips = sample_chips(embedder)
    write_bytes(path, _converted(embedder, chips))
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    wanted = embedder.embed(chips)
    found = [_run(session, chips), *(_run(session, chip[None]) for chip in chips)]
    together, alone = found[0], np.concatenate(found[1:])
    difference = max(np.abs(part - wanted).max() for part in (together, alone))
    check_difference(path, float(difference), TOLERANCE)
    return float(difference)


def _run(session: Any, chips: Image) -> Float32:
    return np.asarray(session.run([OUTPUT], {INPUT: chips})[0], dtype=np.float32)


class _Embedding(nn.Module):
    """What `NetworkEmbedder.embed` does, as one module."""

    def __init__(self, embedder: NetworkEmbedder):
        super().__init__()
        self.network = embedder.network().cpu()
        self.flip_average = embedder.flip_average

    def forward(self, chips: Tensor) -> Tensor:
        return embeddings_of(self.network, chips, self.flip_average)


def _converted(embedder: NetworkEmbedder, chips: Image) -> bytes:
    """The bytes of the ONNX file."""
    program: Any = torch.onnx.export(
        _Embedding(embedder).eval(),
        (torch.from_numpy(chips),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
        dynamo=True,
        verbose=False,
    )
    return bytes(program.model_proto.SerializeToString())
