from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save
from torch import Tensor, nn

from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry
from training.backbones.dlib_network import DlibFaceNet
from training.checkpoints.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_embedder,
    read_state,
    round_filters,
    save_checkpoint,
    write_state,
)
from training.embedders.checkpoint_file import is_checkpoint, read_record
from training.metrics.score_normalization import Cohort

MANIFEST = "ab" * 32


def _checkpoint(network: dict[str, Tensor] | None = None) -> Checkpoint:
    if network is None:
        network = {"w": torch.tensor([[0.1, -2.0]]), "b": torch.tensor([0.1])}
    return Checkpoint(
        network,
        ChipGeometry(112, 0.4, "upper"),
        {"epochs": 3, "kinds": ["cloth", "n95"], "ema": None},
        MANIFEST,
        {"tar": 0.5},
    )


def _parts(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the file says, and its arrays; read as the format is documented."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8:end])["__metadata__"]
    return json.loads(metadata["masked-faces"]), load(content)


def _rewrite(path: Path, changes: dict[str, Any], hashed: bool = True) -> None:
    """The same file with other entries and, if `hashed`, with their right hash."""
    entries, arrays = _parts(path)
    entries |= changes
    if hashed:
        del entries["sha256"]
        text = json.dumps(entries, sort_keys=True).encode()
        if "cohort" in arrays:
            text += arrays["cohort"].tobytes()
        entries["sha256"] = hashlib.sha256(text).hexdigest()
    path.write_bytes(save(arrays, {"masked-faces": json.dumps(entries)}))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "one.safetensors"
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
    assert loaded.fingerprint == wanted.fingerprint == read_record(saved).fingerprint
    assert [p.name for p in saved.parent.iterdir()] == ["one.safetensors"]
    assert is_checkpoint(saved)


COHORT = Cohort.of(np.random.default_rng(0).normal(size=(20, 128)), 1.0)


@pytest.mark.parametrize("rounded", [False, True])
def test_a_cohort_comes_back_and_is_part_of_the_fingerprint(
    tmp_path: Path, rounded: bool
) -> None:
    weights = DlibFaceNet().state_dict()
    weights = round_filters(weights) if rounded else weights
    plain, fair = (
        replace(_checkpoint(weights), geometry=ChipGeometry(), cohort=cohort)
        for cohort in (None, COHORT)
    )
    assert plain.fingerprint != fair.fingerprint
    path = tmp_path / "fair.safetensors"
    save_checkpoint(path, fair)
    loaded = load_checkpoint(path)
    assert loaded.cohort is not None
    assert np.array_equal(loaded.cohort.members, COHORT.members)
    embedder = load_embedder(path)
    assert embedder.cohort is not None
    assert np.array_equal(embedder.cohort.members, COHORT.members)


def test_rounded_filters_take_half_the_room_and_biases_keep_every_bit() -> None:
    rounded = round_filters({"w": torch.tensor([[0.1, -2.0]]), "b": torch.tensor(0.1)})
    # 0.1 in float16 is 1638 / 2^14.
    assert rounded["w"].tolist() == [[1638 / 2**14, -2.0]]
    assert rounded["w"].dtype == torch.float32
    assert torch.equal(rounded["b"], torch.tensor(0.1))


def test_only_what_float16_holds_exactly_is_stored_as_such(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    network = {
        "exact": torch.tensor([0.5, -2.0]),
        "finer": torch.tensor([0.1]),
        "larger": torch.tensor([1e6]),
        "count": torch.tensor(7),
    }
    save_checkpoint(path, _checkpoint(network))
    kinds = {name: values.dtype.name for name, values in _parts(path)[1].items()}
    assert kinds == {
        "exact": "float16",
        "finer": "float32",
        "larger": "float32",
        "count": "int64",
    }
    loaded = load_checkpoint(path).network
    for name, tensor in network.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def _flipped(path: Path, place: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    return bytes(data)


def test_a_bit_that_turned_is_found_wherever_it_is(saved: Path) -> None:
    save_checkpoint(saved, replace(_checkpoint(), cohort=COHORT))
    whole = saved.read_bytes()
    # All of the header, and some of the numbers.
    end = 8 + int.from_bytes(whole[:8], "little")
    places = [*range(0, end, 3), *range(end, len(whole), 97)]
    assert len(places) > 200
    for place in places:
        saved.write_bytes(_flipped(saved, place))
        with pytest.raises(BadRecord) as caught:
            load_checkpoint(saved)
        message = str(caught.value)
        assert str(saved) in message and "damaged" in message
        assert "python cli.py train" in message and "\n" not in message
        saved.write_bytes(whole)


@pytest.mark.parametrize("length", [0, 5, 40, 600, -1])
def test_a_file_that_was_cut_short_is_refused(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(BadRecord, match="damaged or cut short") as caught:
        load_checkpoint(saved)
    assert "\n" not in str(caught.value)
    assert not is_checkpoint(saved)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"format_version": 2}, "format version 2, this toolkit reads 1"),
        ({"geometry": {"size_px": 3}}, "damaged"),
        ({"geometry": {"sides": 3}}, "sides"),
        ({"fingerprint": "cd" * 32}, "fingerprint .*, expected cdcdcd"),
        ({"cohort_usual": 1.0}, "damaged"),
    ],
)
def test_other_content_is_refused(
    saved: Path, change: dict[str, Any], found: str
) -> None:
    _rewrite(saved, change)
    with pytest.raises(BadRecord, match=found):
        load_checkpoint(saved)


def test_a_record_that_was_edited_is_refused(saved: Path) -> None:
    _rewrite(saved, {"config": {"epochs": 4}}, hashed=False)
    with pytest.raises(BadRecord, match="its record is not what was written"):
        read_record(saved)


def test_other_files_of_weights_are_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}):
        path.write_bytes(save({"w": np.ones(2, np.float32)}, metadata))
        assert not is_checkpoint(path)
        with pytest.raises(BadRecord, match="not a checkpoint"):
            load_checkpoint(path)


def test_weights_of_another_network_are_refused(saved: Path) -> None:
    with pytest.raises(BadRecord, match=r"weights \(2 tensors\) do not fit") as caught:
        load_embedder(saved)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"No such file.*Run: python cli"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_what_json_cannot_hold_is_not_written(saved: Path) -> None:
    before = saved.read_bytes()
    bad = Checkpoint({}, ChipGeometry(), {"out": Path("x")}, MANIFEST, {})
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(saved, bad)
    assert saved.read_bytes() == before


class Training:
    """Three numbers trained with AdamW, one-cycle and drawn targets."""

    def __init__(self):
        torch.manual_seed(1)
        self.model = nn.Linear(3, 1)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 0.1)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, 0.1, 10)
        self.rng = np.random.default_rng(2)

    def step(self):
        target = float(self.rng.normal())
        loss = (self.model(torch.randn(4, 3)) - target).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.item()

    def state(self):
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": self.rng.bit_generator.state,
        }

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch_rng"])
        self.rng.bit_generator.state = state["numpy_rng"]


def test_training_goes_on_exactly(tmp_path):
    path = tmp_path / "middle.pt"
    first = Training()
    losses = [first.step() for _ in range(3)]
    write_state(path, first.state())
    wanted = [first.step() for _ in range(4)]
    again = Training()
    again.restore(read_state(path))
    assert [again.step() for _ in range(4)] == wanted
    assert len({*losses, *wanted}) == 7


def test_damage_is_found_wherever_it_is(tmp_path):
    path = tmp_path / "state.pt"
    write_state(path, {"weights": torch.arange(50.0), "epoch": 3})
    whole = path.read_bytes()
    for place in range(0, len(whole), 53):
        if place != 64:  # the line's end, which says nothing
            changed = whole[place] ^ 1
            path.write_bytes(whole[:place] + bytes([changed]) + whole[place + 1 :])
            with pytest.raises(BadRecord, match=r"state\.pt: damaged"):
                read_state(path)
    for length in (0, 10, 64, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadRecord, match="damaged or cut short"):
            read_state(path)


class Attack:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.write_text, (self.target, "owned")


def test_code_in_a_state_is_not_run(tmp_path):
    target, path = tmp_path / "proof", tmp_path / "state.pt"
    buffer = io.BytesIO()
    torch.save({"attack": Attack(target)}, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest().encode()
    path.write_bytes(digest + b"\n" + buffer.getvalue())
    with pytest.raises(BadRecord, match="more than plain values"):
        read_state(path)
    assert not target.exists()


def test_what_cannot_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "state.pt"
    write_state(path, {"epoch": 1})
    before = path.read_bytes()
    with pytest.raises(TypeError, match="cannot be read back"):
        write_state(path, {"rng": np.zeros(3)})
    assert path.read_bytes() == before
