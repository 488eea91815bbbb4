"""Two gloo processes in one go, and one alone: starting torch is what takes time."""

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from masking.augment.manifest import Manifest
from masking.faces.alignment import ChipGeometry
from training.backbones.base import FaceNetwork
from training.backbones.registry import BACKBONES, make_network
from training.config import TrainConfig
from training.data.batch_sampler import SamplerConfig, sample_epoch
from training.data.train_data import Targets, TrainData
from training.distributed import Processes
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.margin_softmax import AdaFace, ShardedSoftmax
from training.run.figures import NoLog
from training.run.initialisation import Initialisation
from training.run.stage import train_epochs, train_step
from training.run.state import TrainRun

SIDE, PEOPLE, ROWS = 8, 5, 16
LABELS = torch.arange(ROWS) % PEOPLE
CHIPS = torch.randint(
    0, 256, (ROWS, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1)
).float()


class TinyNetwork(FaceNetwork):
    """Two layers that train in no time."""

    backbone, dimension, normalised = "tiny", 6, False
    geometry = ChipGeometry(size_px=SIDE)

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3)
        self.last = torch.nn.Linear(4 * 36, 6)

    def stages(self):
        relu, flat = torch.nn.ReLU(), torch.nn.Flatten()
        first = torch.nn.Sequential(self.first, relu)
        return first, torch.nn.Sequential(flat, self.last)

    def forward(self, chips):
        return self.last(self.first(chips.float()).relu().flatten(1))


class MemoryLoader:
    """Planned batches of chips that are already there."""

    def __init__(self, config, processes):
        sampling = SamplerConfig(
            config.batch_size, config.samples_per_person, 0.5, 0, 0
        )
        self._batches = [
            list(sample_epoch(LABELS.numpy(), sampling, n)) for n in range(9)
        ]
        self.steps = len(self._batches[0])
        self._config, self._processes = config, processes

    def epoch(self, number):
        count = self._config.accumulate
        parts, first = self._processes.count * count, self._processes.rank * count
        for batch in self._batches[number]:
            for place in range(first, first + count):
                part = batch.micro_batch(place, parts)
                yield part, CHIPS[part.rows] / 255


def config_of(head, **changes):
    usual: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 8,
        "samples_per_person": 2,
        "head": head,
        "head_weight": 0.2,
        "head_scale": 8.0,
        "learning_rate": 0.05,
        "device": "cpu",
    }
    return TrainConfig(**(usual | changes))


def run_of(config, processes, warm=True):
    wanted = torch.nn.functional.normalize(
        torch.randn(ROWS, 6, generator=torch.Generator().manual_seed(2))
    )
    manifest = Manifest(Path(), {}, ChipGeometry(), [], "ab")
    targets = Targets(wanted, wanted[:PEOPLE], torch.ones(PEOPLE))
    data = TrainData(manifest, [], [], LABELS, PEOPLE, targets)
    student = NetworkEmbedder(make_network("tiny", 3), "tiny")
    start = Initialisation(student, student, warm)
    return TrainRun(data, config, torch.device("cpu"), start, processes)


def losses_of(config, processes, state=None, until=3):
    """Losses of the epochs up to `until`; goes on from, or leaves, a state."""
    run = run_of(config, processes)
    if state is not None:
        run.resume(state)
    for epoch in train_epochs(run, MemoryLoader(config, processes), NoLog()):
        run.progress.epochs.append({})
        if epoch == until:
            break
    return run


CASES = {
    "distil": config_of("none"),
    "accumulated": config_of("none", accumulate=2),
    "adaface": config_of("adaface"),
    "cosface": config_of("cosface"),
    "triplet": config_of("triplet"),
}


def softmax_of(processes):
    """Loss, gradient of 4 rows' features and of all classes, with AdaFace."""
    head = ShardedSoftmax(7, 6, AdaFace(0.4), 16.0, processes=processes, seed=1)
    features = 9 * torch.randn(4, 6, generator=torch.Generator().manual_seed(4))
    own = processes.shard_of(4)
    mine = features[own.start : own.stop].clone().requires_grad_()
    labels = torch.tensor([0, 6, 3, 3])[own.start : own.stop]
    loss = head(mine, labels)
    loss.backward()
    classes = processes.gathered_shards(head.weight.grad, 7)
    # DDP takes the mean of the processes' gradients.
    return loss.item(), processes.gathered(mine.grad) / processes.count, classes


def _child(_, folder):
    torch.set_num_threads(1)
    BACKBONES["tiny"] = TinyNetwork
    _process(1, folder)


def _process(rank, folder):
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=2,
        timeout=timedelta(minutes=5),
    )
    processes = Processes(rank, 2)
    found = {"softmax": softmax_of(processes)}
    for name, config in CASES.items():
        run = losses_of(config, processes)
        found[name] = run.progress.losses
    # Half a run of two processes, to be ended by one, and the other way round.
    losses_of(CASES["adaface"], processes, until=2).save(folder / "two.pt")
    again = losses_of(CASES["adaface"], processes, folder / "one.pt")
    found["from one"] = again.progress.losses
    found["weights"] = again.average.result()
    found["first"] = processes.of_the_first(lambda: f"of {rank}")
    if rank == 1:
        torch.save(found, folder / "found.pt")
    # Whoever leaves first closes a connection that the other may still read from.
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.fixture(scope="module", autouse=True)
def tiny_backbone():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", TinyNetwork)
        yield


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What the second of two processes found, and the folder with their states.

    The first is this one, which has loaded torch.
    """
    folder = tmp_path_factory.mktemp("two")
    losses_of(CASES["adaface"], Processes(), until=2).save(folder / "one.pt")
    child = spawn(_child, (folder,), join=False)
    _process(0, folder)
    while not child.join():
        pass
    return torch.load(folder / "found.pt", weights_only=True), folder


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_losses_of_one(two, name):
    found, _ = two
    alone = losses_of(CASES[name], Processes()).progress.losses
    np.testing.assert_allclose(found[name], alone, atol=1e-4, rtol=0)
    assert len(alone) == 3 and alone[2] < alone[0] - 0.01


def test_divided_classes_give_the_softmax_of_all(two):
    loss, rows, classes = two[0]["softmax"]
    wanted, wanted_rows, wanted_classes = softmax_of(Processes())
    assert loss == pytest.approx(wanted, abs=1e-5)
    torch.testing.assert_close(rows, wanted_rows, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(classes, wanted_classes, atol=1e-5, rtol=1e-4)
    assert rows.abs().min() > 0 and classes.abs().max() > 1


def test_a_run_goes_on_with_another_number_of_processes(two):
    found, folder = two
    whole = losses_of(CASES["adaface"], Processes())
    resumed = losses_of(CASES["adaface"], Processes(), folder / "two.pt")
    np.testing.assert_allclose(
        resumed.progress.losses, whole.progress.losses, atol=1e-4, rtol=0
    )
    np.testing.assert_allclose(
        found["from one"], whole.progress.losses, atol=1e-4, rtol=0
    )
    for name, value in whole.average.result().items():
        torch.testing.assert_close(found["weights"][name], value, atol=1e-4, rtol=1e-3)


def test_the_first_process_speaks_for_all(two):
    assert two[0]["first"] == "of 0"


def test_shards_are_runs_of_near_equal_length():
    assert [list(Processes(r, 3).shard_of(7)) for r in range(3)] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
    ]
    assert list(Processes(2, 3).shard_of(3)) == [2]
    assert len(Processes(3, 4).shard_of(2)) == 0


def test_the_first_step_of_the_weights_is_as_long_as_the_learning_rate():
    run = run_of(CASES["distil"], Processes())
    before = [weights.detach().clone() for weights in run.weights]
    for weights in run.weights:
        weights.grad = torch.full_like(weights, -3.0)
    run.step(0.25)
    for was, weights in zip(before, run.weights, strict=True):
        # AdamW: the decay of .01 first, then a step along the gradient's sign.
        wanted = was * (1 - 0.25 * 0.01) + 0.25
        torch.testing.assert_close(weights.detach(), wanted, atol=1e-5, rtol=0)


def test_long_gradients_are_clipped_to_a_length_of_five():
    run = run_of(CASES["distil"], Processes())
    batches = MemoryLoader(CASES["distil"], Processes()).epoch(0)
    run.objective = lambda features, rows: 1000 * features.sum()
    train_step(run, [next(batches)], 0, 0.0)
    squares = [float(weights.grad.square().sum()) for weights in run.weights]
    assert sum(squares) ** 0.5 == pytest.approx(5, rel=1e-4)


@pytest.mark.parametrize(("warm", "fraction"), [(True, 0.25), (False, 1.0)])
def test_only_a_trained_start_is_blended_with(warm, fraction):
    run = run_of(config_of("none", blend=0.25), Processes(), warm)
    before = {n: v.clone() for n, v in run.network.state_dict().items()}
    with torch.no_grad():
        for weights in run.weights:
            weights.add_(1)
    run.average.update(run.network)
    for name, value in run.average.result().items():
        torch.testing.assert_close(value, before[name] + fraction)


@pytest.mark.parametrize("warm", [True, False])
def test_frozen_layers_of_a_trained_start_stay_as_they_are(warm, monkeypatch):
    monkeypatch.setattr(TinyNetwork, "frozen", ("first",))
    config = config_of("none", blend=1.0)
    run = run_of(config, Processes(), warm)
    before = {n: v.clone() for n, v in run.network.state_dict().items()}
    train_step(run, [next(MemoryLoader(config, Processes()).epoch(0))], 0, 0.1)
    moved = {
        name
        for name, value in run.average.result().items()
        if not torch.equal(value, before[name])
    }
    last = {"last.weight", "last.bias"}
    assert moved == (last if warm else last | {"first.weight", "first.bias"})


def test_accumulated_parts_make_the_same_steps():
    whole = losses_of(CASES["distil"], Processes()).progress.losses
    parts = losses_of(CASES["accumulated"], Processes()).progress.losses
    np.testing.assert_allclose(parts, whole, atol=1e-5, rtol=0)


def test_checkpointing_changes_nothing():
    config = dataclasses.replace(CASES["distil"], checkpointing=True)
    whole = losses_of(CASES["distil"], Processes()).progress.losses
    saved = losses_of(config, Processes()).progress.losses
    np.testing.assert_allclose(saved, whole, atol=1e-6, rtol=0)


def test_a_run_with_a_head_goes_on_exactly(tmp_path):
    whole = losses_of(CASES["cosface"], Processes())
    losses_of(CASES["cosface"], Processes(), until=1).save(tmp_path / "state.pt")
    resumed = losses_of(CASES["cosface"], Processes(), tmp_path / "state.pt")
    assert resumed.progress.losses == whole.progress.losses
    for name, value in whole.average.result().items():
        assert torch.equal(resumed.average.result()[name], value)


def test_automatic_compilation_is_for_cuda():
    part = run_of(CASES["distil"], Processes()).computed
    assert type(part).__name__ == "Stages"
    asked = run_of(dataclasses.replace(CASES["distil"], compile="yes"), Processes())
    assert type(asked.computed).__name__ == "OptimizedModule"
