"""Crops for the roll network are turned by the angle that is given for them."""

import numpy as np
import torch

from masking.faces.landmark_predictor import GEOMETRY
from masking.faces.networks import CROP_PX, prepared
from tools.detector_training import train_roll


def test_the_forehead_lies_where_the_roll_says(monkeypatch):
    exact = ((0.0, 0.0, 0.4), (0.0, 0.0, 0.0))
    monkeypatch.setattr(train_roll, "_UPRIGHT", exact)
    monkeypatch.setattr(train_roll, "_TURNED", exact)
    torch.manual_seed(0)
    # A bright forehead above the middle of an upright face.
    crops = torch.zeros(40, 1, 128, 128)
    crops[:, :, 32:44, 58:70] = 255.0
    seen, angles = train_roll.turned(crops, torch.zeros(40))
    y, x = np.mgrid[:CROP_PX, :CROP_PX] - (CROP_PX - 1) / 2
    for picture, angle in zip(seen[:, 0].numpy(), angles.numpy(), strict=True):
        bright = picture > picture.max() / 2
        found = np.arctan2(y[bright].mean(), x[bright].mean())
        # The forehead lies a quarter turn before the line from right to left eye.
        away = (found + np.pi / 2 - angle + np.pi) % (2 * np.pi) - np.pi
        assert abs(away) < np.deg2rad(3)
    assert angles.std() > 1


def test_what_is_trained_on_looks_like_what_is_asked_for(monkeypatch):
    exact = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    monkeypatch.setattr(train_roll, "_UPRIGHT", exact)
    monkeypatch.setattr(train_roll, "_UPRIGHT_FRACTION", 1.0)
    monkeypatch.setattr(train_roll, "_UPRIGHT_ROLL_DEG", 0.0)
    # One face square is half of the crop that is kept, 64 of 128 px.
    assert GEOMETRY.square_px / GEOMETRY.size_px == 0.5
    rng = np.random.default_rng(0)
    crop = np.repeat(rng.integers(0, 255, (64, 64), np.uint8), 2, 0).repeat(2, 1)
    monkeypatch.setattr(train_roll, "BOXES", 1.0)
    torch.manual_seed(3)
    tensor = torch.from_numpy(crop)[None, None].float()
    seen, _ = train_roll.turned(tensor, torch.zeros(1))
    middle = np.repeat(crop[32:96, 32:96, None], 3, axis=2)
    wanted = prepared(middle), prepared(np.ascontiguousarray(middle[:, ::-1]))
    away = min(np.abs(seen[0, 0].numpy() - one).max() for one in wanted)
    assert away < 0.02
