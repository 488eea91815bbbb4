"""Runs ONNX files by onnxruntime, on one thread, and lets it tell nobody.

Releases such as 1.32 report to their maker from the moment they are imported, unless
the environment forbids it: so nothing else here imports it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

# Prevents events, the uploader and a persistent device identifier (Privacy.md there).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def onnx_session(model: str | bytes) -> onnxruntime.InferenceSession:
    """A model, by its path or its bytes, on one thread of the CPU.

    onnxruntime reads pictures of changing sizes without a pause, YuNet in less than
    half and RetinaFace in two thirds of OpenCV's time.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Pictures share the cores, not parts of one picture.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
