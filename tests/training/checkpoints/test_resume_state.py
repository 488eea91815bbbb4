import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from masking.errors import BadRecord
from training.checkpoints.resume_state import read_state, write_state


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
