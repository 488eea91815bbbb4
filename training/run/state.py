"""The state of one training: all that its steps change, and how it is kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint as recomputed

from masking.errors import BadRecord
from training.backbones.base import FaceNetwork
from training.backbones.registry import network_of
from training.checkpoints.checkpoint import Checkpoint, read_state, write_state
from training.config import TrainConfig
from training.data.train_data import TrainData
from training.distributed import Processes
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.margin_softmax import HeadOptimiser, ShardedSoftmax
from training.run.initialisation import Initialisation
from training.run.objective import Objective

_WEIGHT_DECAY = 0.01
_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """Where a run is: all of it goes into the checkpoint of every epoch."""

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)


class TrainRun:
    """Network, objective, optimisers and averaged weights of one run.

    Attributes:
        network: what is trained, in training mode.
        computed: the network as steps run it: compiled, in parallel.
        weights: its parameters, without frozen ones.
        head_optimiser: None without a margin head.
        progress: grows with every epoch.
        recorded: what decides the result besides the manifest.
    """

    def __init__(
        self,
        data: TrainData,
        config: TrainConfig,
        device: torch.device,
        init: Initialisation,
        processes: Processes,
    ) -> None:
        self.config, self.device, self.processes = config, device, processes
        self._data, self._student = data, init.student
        self.progress = Progress()
        state = self._student.state()
        network = network_of(self._student.backbone, state).to(device)
        if init.warm:
            for name in network.frozen:
                network.get_submodule(name).requires_grad_(False)
        self.network = network.to(memory_format=torch.channels_last).train()
        self.computed = _computed(self.network, config, device, processes)
        self.objective = Objective(data, config, network, processes).to(device)
        self.weights = [one for one in network.parameters() if one.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.weights, config.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        head = self.objective.head
        self.head_optimiser: HeadOptimiser | None = None
        if isinstance(head, ShardedSoftmax):
            self.head_optimiser = HeadOptimiser(head, _WEIGHT_DECAY)
        blend = config.blend if init.warm else 1.0
        self.average = AveragedWeights(network, state, config.ema_decay, blend)
        self.recorded = config.recorded() | {"init": self._student.fingerprint}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.optimiser.zero_grad(set_to_none=True)
        if self.head_optimiser:
            self.head_optimiser.zero_grad()

    def step(self, learning_rate: float) -> None:
        """One step of all optimisers."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.step()
        if self.head_optimiser:
            self.head_optimiser.step(learning_rate)

    def embedder(self) -> NetworkEmbedder:
        """The embedder that the run would end with now, with the student's cohort."""
        network = network_of(self._student.backbone, self.average.result())
        return NetworkEmbedder(
            network,
            "trained",
            self.device,
            False,
            self._student.geometry,
            self._student.cohort,
        )

    def report(self) -> dict[str, Any]:
        """Figures of the run, as a checkpoint keeps them."""
        return {
            "before": self.progress.before,
            "after": self.progress.epochs[-1],
            "people": self._data.people,
            "chips": len(self._data.rows),
            "validation_people": len({row.identity for row in self._data.held_out}),
        }

    def checkpoint(self, report: dict[str, Any]) -> Checkpoint:
        """The embedder's weights with what they were trained on."""
        return Checkpoint(
            self.average.result(),
            self._student.geometry,
            self.recorded,
            self._data.manifest.sha256,
            report,
            self._student.backbone,
            self._student.cohort,
        )

    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on; all processes must call it."""
        head = self.head_optimiser.state() if self.head_optimiser else None
        if not self.processes.first:
            return
        state = {
            **self._identity(),
            "network": self.network.state_dict(),
            "average": self.average.state(),
            "optimiser": self.optimiser.state_dict(),
            "head": head,
            "progress": asdict(self.progress),
        }
        write_state(path, state)

    def resume(self, path: Path) -> int:
        """Go on from a saved state of the same run; gives the epoch, 0 if none.

        A damaged state is none: it is written again after the first epoch.
        """
        if not path.is_file():
            return 0
        try:
            saved = read_state(path)
        except BadRecord as error:
            _log.warning("training begins again: %s", error)
            return 0
        if any(saved.get(key) != value for key, value in self._identity().items()):
            return 0
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.average.load(saved["average"])
        if self.head_optimiser:
            self.head_optimiser.load(saved["head"])
        self.progress = Progress(**saved["progress"])
        return self.progress.epoch

    def _identity(self) -> dict[str, Any]:
        """What a state must agree with to be one of this run."""
        return {
            "manifest_sha256": self._data.manifest.sha256,
            "config": self.recorded,
        }


class Stages(nn.Module):
    """Stages in a row; with checkpointing each is computed again for its gradient.

    Source: Chen et al., "Training deep nets with sublinear memory cost",
    arXiv:1604.06174.
    """

    def __init__(self, stages: tuple[nn.Sequential, ...], checkpointing: bool) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.checkpointing = checkpointing

    def forward(self, maps: Tensor) -> Tensor:
        for stage in self.stages:
            if self.checkpointing:
                maps = recomputed(stage, maps, use_reentrant=False)
            else:
                maps = stage(maps)
        return maps


def _computed(
    network: FaceNetwork,
    config: TrainConfig,
    device: torch.device,
    processes: Processes,
) -> Any:
    """Chips to features: compiled, and DDP in a group.

    It shares its weights with the network.
    """
    computed: Any = Stages(network.stages(), config.checkpointing)
    if config.compile == "yes" or (config.compile == "auto" and device.type == "cuda"):
        computed = torch.compile(computed)
    if processes.count > 1:
        where = [torch.cuda.current_device()] if device.type == "cuda" else None
        computed = DistributedDataParallel(computed, device_ids=where)
    return computed


def uses_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether a training computes in bfloat16."""
    if config.precision == "auto":
        return device.type == "cuda"
    return config.precision == "bfloat16"


class AveragedWeights:
    """A moving average of a network's weights, on the network's device."""

    def __init__(
        self,
        network: FaceNetwork,
        initial: Mapping[str, Tensor],
        decay: float,
        blend: float,
    ) -> None:
        """
        Args:
            initial: weights to blend with.
            decay: of the average; 0 = the weights of the last step.
            blend: fraction of the average in the result.
        """
        self._initial, self._decay, self._blend = initial, decay, blend
        self._average = AveragedModel(
            network, multi_avg_fn=self._move, use_buffers=True
        )

    def update(self, network: FaceNetwork) -> None:
        """Take in the weights after a step; those of the first step are the average."""
        self._average.update_parameters(network)

    def _move(
        self,
        average: tuple[Tensor, ...] | list[Tensor],
        now: tuple[Tensor, ...] | list[Tensor],
        steps: Tensor | int,
    ) -> None:
        # Quick at first, to forget the first steps.
        decay = min(self._decay, (1 + int(steps)) / (10 + int(steps)))
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        move(average, now, steps)

    def result(self) -> dict[str, Tensor]:
        """The average, blended with the initial weights.

        Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
        2022, eq. 1, of weights: unmasked faces lose nothing and impostors gain.
        """
        return {
            name: torch.lerp(self._initial[name].to(value.device), value, self._blend)
            if value.is_floating_point()
            else value
            for name, value in self._average.module.state_dict().items()
        }

    def state(self) -> dict[str, Tensor]:
        """What `load` goes on from: the average and its number of steps."""
        return self._average.state_dict()

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved average."""
        self._average.load_state_dict(dict(state))
