"""Comparing rendered pictures."""

import cv2
import numpy as np
import torch

from masking.masks.spec import (
    OCCLUDERS,
    SpecConfig,
    draw_occluder,
    draw_specs,
    sample_rng,
)
from masking.rendering.render import photo_look, render
from tests.fakes.drawn_faces import drawn_face

SIDE_PX = 150


def spec_of(kind, number):
    rng = sample_rng(number, kind)
    if kind in OCCLUDERS:
        return draw_occluder(rng, kind)
    return draw_specs(rng, SpecConfig((kind,)))[0]


def faces(count):
    """Drawn faces of several sizes and light: chips, landmarks and looks."""
    drawn = [drawn_face(SIDE_PX, 0.5 + 0.03 * number) for number in range(count)]
    chips = [
        np.clip(p * (0.6 + 0.1 * n), 0, 255).astype(np.uint8)
        for n, (p, _) in enumerate(drawn)
    ]
    marks = [landmarks for _, landmarks in drawn]
    looks = [photo_look(*pair) for pair in zip(chips, marks, strict=True)]
    return chips, marks, looks


def rendered(renderer, chips, marks, looks, specs, device="cpu"):
    batch = torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).to(device)
    points = np.stack([m.points for m in marks])
    return renderer(batch, points, specs, looks, with_maps=True)


def assert_alike(renderer, specs, device="cpu"):
    chips, marks, looks = faces(len(specs))
    batch = rendered(renderer, chips, marks, looks, specs, device)
    assert batch.chips.dtype == torch.uint8
    for row, worn in enumerate(specs):
        sample = render(chips[row], marks[row], worn, looks[row])
        alpha = batch.maps.alpha[row].cpu().numpy()
        # Away from edges, where half a pixel matters.
        flat = (cv2.Laplacian(sample.alpha, cv2.CV_32F) == 0) & (sample.alpha > 0)
        found = batch.chips[row].permute(1, 2, 0).cpu().numpy().astype(int)
        error = np.abs(found - sample.pixels)
        assert flat.sum() > 300
        assert error[flat].mean(axis=0).max() < 2
        assert error.mean() < 0.5
        assert np.abs(alpha - sample.alpha).mean() < 0.005
        assert (batch.maps.parts[row].cpu().numpy() == sample.parts).mean() > 0.99
        # And something was rendered.
        assert np.abs(found - chips[row]).max() > 20
