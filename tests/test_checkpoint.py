from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from masking.alignment import ChipGeometry
from masking.errors import BadRecord, MissingInput
from training.checkpoint import (
    FORMAT_VERSION,
    Checkpoint,
    load_checkpoint,
    load_embedder,
    save_checkpoint,
)
from training.cohort import Cohort
from training.dlib_network import DlibFaceNet
from training.plain_embedder import load_plain_embedder

HEADER = b"masked-faces checkpoint\n"
MANIFEST = "ab" * 32


def _checkpoint(
    network: dict[str, Tensor] | None = None, resume: dict[str, Any] | None = None
) -> Checkpoint:
    if network is None:
        network = {"w": torch.tensor([[0.1, -2.0]]), "b": torch.tensor([0.1])}
    return Checkpoint(
        network,
        ChipGeometry(112, 0.4, "upper"),
        {"epochs": 3, "kinds": ["cloth", "n95"], "ema": None},
        MANIFEST,
        {"tar": 0.5},
        resume,
    )


def _write_payload(path: Path, payload: Any) -> None:
    """A file with a right hash, whatever it holds."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(HEADER + digest + b"\n" + content)


def _payload(path: Path) -> dict[str, Any]:
    start = len(HEADER) + 65
    content = io.BytesIO(path.read_bytes()[start:])
    return dict(torch.load(content, weights_only=True))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "one.pt"
    save_checkpoint(path, _checkpoint())
    return path


def test_everything_comes_back(saved: Path) -> None:
    loaded = load_checkpoint(saved)
    wanted = _checkpoint()
    assert loaded.network.keys() == wanted.network.keys()
    for name, tensor in wanted.network.items():
        assert torch.equal(loaded.network[name], tensor)
    assert loaded.geometry == ChipGeometry(112, 0.4, "upper")
    assert loaded.config == {"epochs": 3, "kinds": ["cloth", "n95"], "ema": None}
    assert (loaded.manifest_sha256, loaded.report) == (MANIFEST, {"tar": 0.5})
    assert loaded.resume is None
    assert loaded.fingerprint == wanted.fingerprint
    assert [p.name for p in saved.parent.iterdir()] == ["one.pt"]


COHORT = Cohort.of(np.random.default_rng(0).normal(size=(20, 128)), 1.0)


@pytest.mark.parametrize("half", [False, True])
def test_a_cohort_comes_back_and_is_part_of_the_fingerprint(
    tmp_path: Path, half: bool
) -> None:
    weights = DlibFaceNet().state_dict()
    plain, fair = (
        replace(_checkpoint(weights), geometry=ChipGeometry(), cohort=cohort)
        for cohort in (None, COHORT)
    )
    assert plain.fingerprint != fair.fingerprint
    path = tmp_path / "fair.pt"
    save_checkpoint(path, fair, half)
    loaded = load_checkpoint(path)
    assert loaded.cohort is not None
    assert np.array_equal(loaded.cohort.members, COHORT.members)
    for embedder in (load_embedder(path, flip_average=True), load_plain_embedder(path)):
        assert embedder.cohort is not None
        assert np.array_equal(embedder.cohort.members, COHORT.members)
        assert embedder.fingerprint == load_plain_embedder(path).fingerprint


def test_checkpoints_of_older_formats_have_no_cohort(saved: Path) -> None:
    payload = _payload(saved)
    for version in (1, 2):
        older = {k: v for k, v in payload.items() if k != "cohort"}
        if version == 1:
            del older["backbone"]
        _write_payload(saved, older | {"format_version": version})
        assert load_checkpoint(saved).cohort is None
        assert load_checkpoint(saved).backbone == "dlib"


class _Training:
    """Three numbers trained with AdamW, one-cycle and drawn targets."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.model = nn.Linear(3, 1)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 0.1)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, 0.1, 10)
        self.rng = np.random.default_rng(2)

    def step(self) -> float:
        target = float(self.rng.normal())
        loss = (self.model(torch.randn(4, 3)) - target).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.item()

    def state(self) -> dict[str, Any]:
        return {
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": self.rng.bit_generator.state,
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        assert checkpoint.resume is not None
        self.model.load_state_dict(dict(checkpoint.network))
        self.optimiser.load_state_dict(checkpoint.resume["optimiser"])
        self.schedule.load_state_dict(checkpoint.resume["schedule"])
        torch.set_rng_state(checkpoint.resume["torch_rng"])
        self.rng.bit_generator.state = checkpoint.resume["numpy_rng"]


def test_training_goes_on_exactly(tmp_path: Path) -> None:
    path = tmp_path / "middle.pt"
    first = _Training()
    losses = [first.step() for _ in range(3)]
    save_checkpoint(path, _checkpoint(first.model.state_dict(), first.state()))
    wanted = [first.step() for _ in range(4)]
    again = _Training()
    again.restore(load_checkpoint(path))
    assert [again.step() for _ in range(4)] == wanted
    assert len({*losses, *wanted}) == 7


def test_half_rounds_filters_once_and_keeps_biases(tmp_path: Path) -> None:
    path = tmp_path / "half.pt"
    save_checkpoint(path, _checkpoint(), half=True)
    loaded = load_checkpoint(path).network
    # 0.1 in float16 is 1638 / 2^14.
    assert loaded["w"].tolist() == [[1638 / 2**14, -2.0]]
    assert loaded["w"].dtype == torch.float32
    assert torch.equal(loaded["b"], torch.tensor([0.1]))
    with pytest.raises(ValueError, match="finished networks"):
        save_checkpoint(path, _checkpoint(resume={"epoch": 1}), half=True)


def _cut(data: bytes) -> bytes:
    return data[:-100]


def _flip(data: bytes) -> bytes:
    return data[:500] + bytes([data[500] ^ 1]) + data[501:]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (_cut, "damaged or cut short"),
        (_flip, "damaged or cut short"),
        (lambda data: data[:40], "damaged or cut short"),
        (lambda data: b"", "not a checkpoint: begins with b''"),
        (lambda data: data[len(HEADER) + 65 :], r"not a checkpoint: begins with b'PK"),
    ],
)
def test_a_damaged_file_is_refused(saved: Path, damage: Any, found: str) -> None:
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(BadRecord) as caught:
        load_checkpoint(saved)
    message = str(caught.value)
    assert str(saved) in message and found in message
    assert "python cli.py train" in message and "\n" not in message


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"kind": "gallery"}, "holds 'gallery', expected 'embedder'"),
        ({"format_version": FORMAT_VERSION + 1}, "format version 4.* reads up to 3"),
        ({"geometry": {"size_px": 3}}, "chip geometry or cohort makes no sense"),
        (
            {"cohort": {"members": torch.zeros(3, 2), "usual": 1.0}},
            "chip geometry or cohort makes no sense",
        ),
        ({"geometry": {"sides": 3}}, "chip geometry or cohort makes no sense"),
    ],
)
def test_other_content_is_refused(
    saved: Path, change: dict[str, Any], found: str
) -> None:
    _write_payload(saved, _payload(saved) | change)
    with pytest.raises(BadRecord, match=found):
        load_checkpoint(saved)


def test_missing_parts_are_named(saved: Path) -> None:
    payload = _payload(saved)
    del payload["report"], payload["config"]
    _write_payload(saved, payload)
    with pytest.raises(BadRecord, match="lacks config, report"):
        load_checkpoint(saved)
    _write_payload(saved, torch.zeros(2))
    with pytest.raises(BadRecord, match="holds 'Tensor'"):
        load_checkpoint(saved)


class _Attack:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "owned")


def test_code_in_a_file_is_not_run(tmp_path: Path, saved: Path) -> None:
    target = tmp_path / "proof"
    _write_payload(saved, {"kind": "embedder", "attack": _Attack(target)})
    with pytest.raises(BadRecord, match="more than weights and plain values"):
        load_checkpoint(saved)
    assert not target.exists()


def test_weights_of_another_network_are_refused(saved: Path) -> None:
    with pytest.raises(BadRecord, match=r"weights \(2 tensors\) do not fit") as caught:
        load_embedder(saved)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="Run: python cli"):
        load_checkpoint(tmp_path / "none.pt")


def test_what_cannot_be_read_back_is_not_written(saved: Path) -> None:
    before = saved.read_bytes()
    bad = Checkpoint({}, ChipGeometry(), {"out": Path("x")}, MANIFEST, {})
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(saved, bad)
    with pytest.raises(TypeError, match="cannot be read back"):
        save_checkpoint(saved, _checkpoint(resume={"rng": np.zeros(3)}))
    assert saved.read_bytes() == before
