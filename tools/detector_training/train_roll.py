"""Trains the network that says how far a face is turned in the picture plane."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from masking.faces.landmark_predictor import GEOMETRY
from masking.faces.networks import BOXES, CROP_PX, DISC
from tools.detector_training.detected_faces import Example

_EPOCHS, _BATCH, _LEARNING_RATE = 45, 128, 3e-3
# Crops are kept at half of their size.
_KEPT_PX = GEOMETRY.size_px // 2
# Where the detector's box lies around upright faces, and around turned ones: its middle
# from that of the face square in the face's own frame, its side (natural log), and the
# deviations of these, squares. Measured on LFW DevTrain people.
_UPRIGHT = (0.0, -0.1, 0.46), (0.1, 0.06, 0.08)
_TURNED = (-0.02, -0.2, 0.46), (0.13, 0.17, 0.2)
_UPRIGHT_FRACTION, _UPRIGHT_ROLL_DEG = 0.4, 25.0


def roll_network() -> nn.Module:
    """(N, 1, 64, 64) grey crops to (N, 2): cosine and sine of the roll."""
    layers: list[nn.Module] = []
    before = 1
    for wide in (24, 48, 96, 128):
        layers += [
            nn.Conv2d(before, wide, 3, 2, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
        ]
        before = wide
    head = [nn.Flatten(), nn.Dropout(0.2), nn.Linear(128 * 16, 64), nn.ReLU()]
    return nn.Sequential(*layers, *head, nn.Linear(64, 2))


def train_roll(examples: list[Example], seed: int) -> bytes:
    """The trained network as ONNX; every crop is turned at random once an epoch."""
    torch.manual_seed(seed)
    size = (_KEPT_PX, _KEPT_PX)
    kept = np.stack(
        [cv2.resize(one.crop, size, interpolation=cv2.INTER_AREA) for one in examples]
    )
    tilts = torch.tensor([_tilt_rad(one) for one in examples])
    crops = torch.from_numpy(kept)[:, None]
    network = roll_network()
    steps = _EPOCHS * -(-len(crops) // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-4, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, steps)
    for epoch in range(_EPOCHS):
        network.train()
        total = 0.0
        for rows in torch.randperm(len(crops)).split(_BATCH):  # type: ignore[no-untyped-call]
            seen, angle = turned(crops[rows].float(), tilts[rows])
            wanted = torch.stack([angle.cos(), angle.sin()], dim=1)
            loss = (network(seen) - wanted).square().sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        if epoch % 5 == 4:
            print(epoch + 1, total / len(crops), flush=True)
    return _exported(network.eval())


def _tilt_rad(example: Example) -> float:
    """Roll that is left in the upright crop."""
    right, left = example.landmarks.eye_centres()
    return float(np.arctan2(*(left - right)[::-1]))


def turned(crops: Tensor, tilts: Tensor) -> tuple[Tensor, Tensor]:
    """Crops as the detector's boxes of turned faces give them, and their roll.

    Args:
        crops: (N, 1, S, S) upright, the face square in the middle.
        tilts: (N,) roll that is left in them, radians.
    """
    count = len(crops)
    upright = torch.rand(count) < _UPRIGHT_FRACTION
    middle, spread = (
        torch.where(upright[:, None], torch.tensor(one), torch.tensor(other))
        for one, other in zip(_UPRIGHT, _TURNED, strict=True)
    )
    place = middle + spread * torch.randn(count, 3)
    near = torch.randn(count) * np.deg2rad(_UPRIGHT_ROLL_DEG / 2)
    roll = torch.where(upright, near, (torch.rand(count) * 2 - 1) * torch.pi)
    mirrored = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    # Sampling asks where a pixel of the new crop lies in the old one: there the new
    # axes are turned back. Both crops run from -1 to 1.
    scale = BOXES * place[:, 2].exp() * GEOMETRY.square_px / GEOMETRY.size_px
    cosine, sine = scale * roll.cos(), scale * roll.sin()
    shift = place[:, :2] * 2 * GEOMETRY.square_px / GEOMETRY.size_px
    rows = (
        [cosine * mirrored, sine, shift[:, 0]],
        [-sine * mirrored, cosine, shift[:, 1]],
    )
    matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    grid = functional.affine_grid(matrix, [count, 1, CROP_PX, CROP_PX], False)
    seen = functional.grid_sample(
        crops, grid, padding_mode="border", align_corners=False
    )
    disc = torch.from_numpy(DISC)
    inside = seen[:, :, disc]
    mean, deviation = inside.mean(dim=2), inside.std(dim=2)
    even = (seen - mean[..., None, None]) / (deviation[..., None, None] + 4.0)
    return even * disc, mirrored * (tilts + roll)


def _exported(network: nn.Module) -> bytes:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "roll.onnx"
        example = torch.zeros(1, 1, CROP_PX, CROP_PX)
        torch.onnx.export(network, (example,), path, dynamo=False, opset_version=17)
        return path.read_bytes()
