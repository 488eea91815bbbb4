"""The training loop: one step after another, resumable after every epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from masking.errors import ToolkitError
from masking.manifest import Manifest, ManifestRow
from masking.mask_spec import SpecConfig
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.chip_dataset import ChipDataset, EpochBatches, Wear, chip_loader
from training.chip_jitter import ChipJitter
from training.dlib_network import DlibFaceNet
from training.losses import distillation_loss, prototype_loss
from training.network_embedder import NetworkEmbedder
from training.schedule import learning_rate_at
from training.train_config import TrainConfig

_CLIP = 5.0
_WEIGHT_DECAY = 0.01


class DivergedTraining(ToolkitError):
    """The loss became infinite or no number."""


@dataclass(frozen=True, eq=False)
class TrainData:
    """What the loop reads: rows of training people and their frozen targets.

    Attributes:
        wanted: (N, D) embedding of each bare chip by the start network.
        labels: (N,) person of each row.
        prototypes: (P, D) mean of each person's rows of `wanted`.
    """

    manifest: Manifest
    rows: list[ManifestRow]
    held_out: list[ManifestRow]
    wanted: Tensor
    labels: Tensor
    prototypes: Tensor


@dataclass
class Progress:
    """Where a run is: all of it goes into the checkpoint of every epoch."""

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)


class TrainLoop:
    """Network, optimiser and averaged weights of one run."""

    def __init__(
        self,
        data: TrainData,
        config: TrainConfig,
        device: torch.device,
        start: NetworkEmbedder,
        workers: int,
    ):
        self._config, self._device, self._data = config, device, data
        self.progress = Progress()
        network = DlibFaceNet.from_state(start.state()).to(device)
        self._network = network.to(memory_format=torch.channels_last).train()
        self._start = start.state()
        self._average = {k: v.clone() for k, v in network.state_dict().items()}
        self._optimiser = torch.optim.AdamW(
            network.parameters(), config.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        self._geometry = start.geometry
        self._recorded = _recorded(config) | {"start": start.fingerprint}
        chips = ChipDataset(
            data.manifest.folder,
            data.rows,
            data.manifest.geometry,
            start.geometry,
            config.masked_share,
            spec_config(config),
            Wear(),
            config.seed,
        )
        self._batches = EpochBatches(len(chips), config.batch_size, config.seed)
        self._loader: Any = chip_loader(
            chips, self._batches, workers, device.type == "cuda"
        )
        self._jitter = ChipJitter()
        self._wanted = data.wanted.to(device)
        self._labels = data.labels.to(device)
        self._prototypes = data.prototypes.to(device)

    def epochs(self) -> Iterator[int]:
        """Train epoch by epoch; yields after each one."""
        per_epoch = len(self._batches)
        total = per_epoch * self._config.epochs
        done = per_epoch * self.progress.epoch
        with tqdm(None, "train", total, initial=done, unit="step", disable=None) as bar:
            while self.progress.epoch < self._config.epochs:
                self._batches.epoch = self.progress.epoch
                mean = 0.0
                for number, (chips, rows) in enumerate(self._loader):
                    step = self.progress.epoch * per_epoch + number
                    loss = self._step(chips, rows, step, total)
                    mean += loss / per_epoch
                    bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                    bar.update()
                self.progress.losses.append(mean)
                self.progress.epoch += 1
                yield self.progress.epoch

    def _step(self, chips: Tensor, rows: Tensor, step: int, total: int) -> float:
        config = self._config
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate_at(step, total, config.learning_rate)
        chips = chips.to(self._device, non_blocking=True)
        chips = self._jitter(chips, hash((config.seed, step)) % 2**31)
        chips = chips.contiguous(memory_format=torch.channels_last)
        rows = rows.to(self._device)
        with torch.autocast(
            self._device.type, torch.bfloat16, enabled=self._uses_bfloat16()
        ):
            embeddings = self._network(chips)
        loss = config.prototype_weight * prototype_loss(
            embeddings, self._labels[rows], self._prototypes
        ) + config.distillation_weight * distillation_loss(
            embeddings, self._wanted[rows]
        )
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedTraining(
                f"the loss is {value} at step {step}: the last whole epoch is kept. "
                "Run again with a lower --learning-rate."
            )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), _CLIP)
        self._optimiser.step()
        self._update_average(step)
        return value

    def _uses_bfloat16(self) -> bool:
        if self._config.precision == "auto":
            return self._device.type == "cuda"
        return self._config.precision == "bfloat16"

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        """Moving average of the weights, quick at first so that it forgets step 0."""
        decay = min(self._config.ema_decay, (1 + step) / (10 + step))
        for name, value in self._network.state_dict().items():
            self._average[name].lerp_(value, 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """What the run has come to: averaged weights, blended with the start's.

        Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
        2022, eq. 1, of weights: bare faces lose nothing and strangers gain.
        """
        return {
            name: torch.lerp(self._start[name], value, self._config.blend)
            for name, value in self._average.items()
        }

    def embedder(self) -> NetworkEmbedder:
        """The embedder that the run would end with now."""
        network = DlibFaceNet.from_state(self.weights())
        return NetworkEmbedder(network, "trained", self._device, False, self._geometry)

    def checkpoint(
        self, report: dict[str, Any], resume: dict[str, Any] | None = None
    ) -> Checkpoint:
        """The embedder's weights with what they were trained on."""
        return Checkpoint(
            self.weights(),
            self._geometry,
            self._recorded,
            self._data.manifest.sha256,
            report,
            resume,
        )

    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on."""
        state = {
            "network": self._network.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
            "progress": asdict(self.progress),
        }
        save_checkpoint(path, self.checkpoint({}, state))

    def resume(self, path: Path) -> int:
        """Go on from a saved state of the same run; gives the epoch, 0 if none."""
        if not path.is_file():
            return 0
        saved = load_checkpoint(path)
        same = saved.manifest_sha256 == self._data.manifest.sha256
        if not same or saved.config != self._recorded or not saved.resume:
            return 0
        self._network.load_state_dict(saved.resume["network"])
        self._optimiser.load_state_dict(saved.resume["optimiser"])
        self._average = {
            name: value.to(self._device)
            for name, value in saved.resume["average"].items()
        }
        self.progress = Progress(**saved.resume["progress"])
        return self.progress.epoch


def spec_config(config: TrainConfig) -> SpecConfig:
    """Which masks a training paints.

    Raises:
        InvalidConfig: an unknown kind.
    """
    return SpecConfig(tuple(kind.strip() for kind in config.kinds.split(",")))


def _recorded(config: TrainConfig) -> dict[str, Any]:
    """The options that decide the result."""
    kept = [item for item in fields(config) if item.metadata.get("records", True)]
    return {item.name: getattr(config, item.name) for item in kept}
