import math
import sys
from pathlib import Path

import pytest
import torch

from masking.augment.manifest import Manifest
from masking.errors import InvalidConfig, MissingInput
from masking.faces.alignment import ChipGeometry
from training.backbones.base import FaceNetwork
from training.config import TrainConfig
from training.data.train_data import Targets, TrainData
from training.distributed import Processes
from training.run.figures import TensorBoardLog
from training.run.objective import Objective
from training.run.stage import learning_rate_at


class Plain(FaceNetwork):
    dimension, normalised = 2, False


class Unit(FaceNetwork):
    dimension = 2


def objective(config, network, targets=True):
    labels = torch.tensor([0, 0, 1])
    wanted = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    trust = torch.tensor([1.0, 0.25])
    found = Targets(wanted, wanted[[0, 2]], trust) if targets else None
    manifest = Manifest(Path(), {}, ChipGeometry(), [], "")
    data = TrainData(manifest, [], [], labels, 2, found)
    return Objective(data, config, network, Processes())


def test_the_terms_are_weighed_and_added():
    config = TrainConfig(prototype_weight=0.5, distillation_weight=2.0, head="none")
    features = torch.tensor([[1.0, 0.2], [0.0, 1.0]])
    loss = objective(config, Plain())(features, torch.tensor([1, 2]))
    # Squared distances to own and other prototype: .04 and 1.64; 0 and 2.
    softmax = [math.log(1 + math.exp((0.04 - 1.64) / 0.04)), math.log1p(math.exp(-50))]
    # The second person is trusted for a quarter.
    softmax[1] *= 0.25
    wanted = 0.5 * sum(softmax) / 2 + 2.0 * (0.04 + 0) / 2
    assert loss.item() == pytest.approx(wanted, abs=1e-6)


def test_a_face_of_nobody_is_held_where_the_teacher_sees_it_and_no_more():
    labels, wanted = torch.tensor([0, 1, -1]), torch.eye(3)[:, :2]
    # The last person is hardly trusted, which is nothing to nobody.
    found = Targets(wanted, wanted[:2], torch.tensor([1.0, 0.01]))
    manifest = Manifest(Path(), {}, ChipGeometry(), [], "")
    data = TrainData(manifest, [], [], labels, 2, found)
    config = TrainConfig(prototype_weight=9.0, distillation_weight=2.0)
    loss = Objective(data, config, Plain(), Processes())
    features = torch.tensor([[0.3, 0.4]])
    # 2 * (.3 ** 2 + .4 ** 2) from (0, 0): neither prototypes nor a head.
    assert loss(features, torch.tensor([2])).item() == pytest.approx(0.5)


def test_normalised_networks_are_compared_by_direction():
    config = TrainConfig(prototype_weight=0.0, distillation_weight=1.0, head="none")
    features = torch.tensor([[7.0, 0.0]])
    rows = torch.tensor([0])
    assert objective(config, Unit())(features, rows).item() == 0
    assert objective(config, Plain())(features, rows).item() == 36


@pytest.mark.parametrize("head", ["contrastive", "triplet", "multi-similarity"])
def test_heads_of_pairs_compare_directions_where_embeddings_are_such(head):
    """Features of such a network may be of any length: 30 was usual of one."""
    config = TrainConfig(prototype_weight=0.0, distillation_weight=0.0, head=head)
    features = torch.tensor([[1.0, 0.1], [0.8, -0.2], [0.3, 1.0]])
    rows = torch.tensor([0, 1, 2])
    one = objective(config, Unit())(features, rows).item()
    assert objective(config, Unit())(30 * features, rows).item() == pytest.approx(one)


def test_from_scratch_only_the_head_counts():
    config = TrainConfig(head="cosface", head_weight=3.0, head_scale=1.0)
    found = objective(config, Unit(), targets=False)
    assert found.head.weight.shape == (2, 2)
    features, rows = torch.tensor([[5.0, 0.0]]), torch.tensor([2])
    with torch.no_grad():
        found.head.weight.copy_(torch.eye(2))
    # Cosines 1 and 0 - .35.
    wanted = 3 * math.log(1 + math.exp(1 + 0.35))
    assert found(features, rows).item() == pytest.approx(wanted, abs=1e-5)
    warm = objective(config, Unit())
    assert torch.equal(warm.head.weight, torch.eye(2))  # the prototypes
    with pytest.raises(InvalidConfig, match="needs a --head"):
        objective(TrainConfig(head="none"), Unit(), targets=False)


def test_pairs_need_two_photos_of_a_person():
    with pytest.raises(InvalidConfig, match="samples-per-person must be at least 2"):
        TrainConfig(head="triplet", samples_per_person=0)
    with pytest.raises(InvalidConfig, match="multiple of samples-per-person"):
        TrainConfig(samples_per_person=3)


def test_the_peak_comes_after_the_warm_up():
    rates = [learning_rate_at(step, 1000, 1.0, 0.5) for step in range(1001)]
    assert max(rates) == rates[500] == pytest.approx(1.0)
    assert learning_rate_at(200, 1000, 1.0, 0.0) == pytest.approx(
        0.5 * (1 + math.cos(math.pi * 199 / 999))
    )


def test_tensorboard_finds_every_step(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = TensorBoardLog(tmp_path)
    log.step(0, 2.5, 1e-4)
    log.step(1, 2.0, 2e-4)
    log.epoch(2, {"mu_1e3": 0.5})
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(0, 2.5), (1, 2.0)]
    assert events.Scalars("validation/mu_1e3")[0].value == 0.5


def test_a_missing_tensorboard_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingInput, match=r"\.\[tensorboard\]"):
        TensorBoardLog(tmp_path)
