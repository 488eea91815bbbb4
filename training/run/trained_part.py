"""The part of a network that is trained, made ready for the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from training.backbones.base import FaceNetwork
from training.config import TrainConfig
from training.distributed import Processes


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
                maps = checkpoint(stage, maps, use_reentrant=False)
            else:
                maps = stage(maps)
        return maps


def trained_part(
    network: FaceNetwork,
    config: TrainConfig,
    device: torch.device,
    processes: Processes,
) -> Any:
    """Chips to features: compiled, and DDP in a group.

    It shares its weights with the network.
    """
    part: Any = Stages(network.stages(), config.checkpointing)
    if config.compile == "yes" or (config.compile == "auto" and device.type == "cuda"):
        part = torch.compile(part)
    if processes.count > 1:
        where = [torch.cuda.current_device()] if device.type == "cuda" else None
        part = DistributedDataParallel(part, device_ids=where)
    return part


def uses_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Whether a training computes in bfloat16."""
    if config.precision == "auto":
        return device.type == "cuda"
    return config.precision == "bfloat16"
