"""ONNX files run on one thread, and onnxruntime tells nobody."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from masking.faces.model_files import YUNET, own_model
from masking.files.onnx_models import onnx_session

ROOT = Path(__file__).resolve().parents[3]


def test_a_model_runs_from_its_path_and_its_bytes():
    path = own_model(YUNET)
    picture = np.zeros((1, 3, 64, 96), np.float32)
    for model in (str(path), path.read_bytes()):
        outs = onnx_session(model).run(None, {"input": picture})
        assert outs[0].shape == (1, 64 * 96 // 64, 1)


def test_a_detector_leaves_no_trace_of_a_report(tmp_path):
    code = (
        "import numpy as np\n"
        "from masking.faces.detector import FaceDetector\n"
        "FaceDetector().detect(np.zeros((99, 99, 3), np.uint8))\n"
        "import sys; assert 'onnxruntime' in sys.modules"
    )
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path))
    environment = {key: v for key, v in os.environ.items() if "TELEMETRY" not in key}
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, env=environment | places
    )
    # Reporting, it writes a session, a device identifier and a database.
    assert list(tmp_path.rglob("*")) == []


def test_nothing_else_imports_onnxruntime():
    own = ROOT / "masking" / "files" / "onnx_models.py"
    files = [
        path
        for room in ("masking", "training", "index", "benchmarks", "tools")
        for path in (ROOT / room).rglob("*.py")
    ]
    imports = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
    assert [path for path in files if imports.search(path.read_text())] == [own]
