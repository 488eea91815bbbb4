"""The generator of the embedded sample, on inputs whose answers are known."""

from __future__ import annotations

import numpy as np

from tools.sample_people.album import (
    largest_fraction,
    nearest_distances,
    stranger_distances,
)
from tools.sample_people.detail import measure_gains
from tools.sample_people.face_layers import FaceLayers
from tools.sample_people.face_model import covariance_root, fit_model
from tools.sample_people.thin_plate import ThinPlate, frame_points


def test_warp_shows_at_a_control_what_lies_at_its_target() -> None:
    rows, columns = np.mgrid[:60, :60].astype(np.float32)
    picture = np.stack([columns, rows, rows], axis=2)  # each pixel holds its place
    inner = np.array([[20, 20], [40, 22], [30, 42]], dtype=np.float32)
    moved = inner + np.array([[3, 0], [3, 0], [0, -4]], dtype=np.float32)
    frame = frame_points(60)
    warp = ThinPlate(np.vstack([inner, frame]), 60)
    pulled = warp.pull(picture, np.vstack([moved, frame]))
    for (x, y), target in zip(inner.astype(int), moved, strict=True):
        np.testing.assert_allclose(pulled[y, x, :2], target, atol=0.5)
    still = warp.pull(picture, np.vstack([inner, frame]))
    # The outermost pixels lie beyond the coarse map.
    inside = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(still[inside], picture[inside], atol=0.05)


def test_all_components_give_a_training_face_back() -> None:
    rng = np.random.default_rng(0)
    shapes = rng.normal(100, 5, (4, 68, 2)).astype(np.float32)
    layers = [_random_layers(rng) for _ in range(4)]
    # Four faces span three directions around their mean.
    model = fit_model(shapes, layers, ["a", "a", "b", "b"], 3)
    np.testing.assert_allclose(
        model.block("shape", model.training[2]), shapes[2], atol=1e-2
    )
    again = model.block("skin", model.training[2])
    np.testing.assert_allclose(again, layers[2].skin, atol=0.1)
    # A training face is its own photo and no other: all of the weights.
    assert largest_fraction(model, model.training[2]) > 0.99
    np.testing.assert_allclose(largest_fraction(model, np.zeros(3)), 0.25)


def test_covariance_root_squares_to_the_covariance() -> None:
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    root = covariance_root(covariance)
    np.testing.assert_allclose(root @ root.T, covariance)


def test_gains_restore_halved_contrast() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(250, 250, 1)).astype(np.float32)
    real = np.repeat(128 + 20 * noise, 3, axis=2).astype(np.uint8)
    gains = measure_gains([real], [128 + (real - np.float32(128)) / 1.5])
    # Measured factor 1.5 in the finest band, which may be raised up to 1.9.
    np.testing.assert_allclose(np.median(gains.gains[0]), 1.5, atol=0.05)


def test_a_stranger_is_never_the_person_itself() -> None:
    rows = np.array([[0, 0], [0, 0.1], [3, 4]], dtype=np.float32)
    np.testing.assert_allclose(nearest_distances(rows[:1], rows[2:]), [5.0])
    strangers = stranger_distances(rows, ["a", "a", "b"])
    np.testing.assert_allclose(strangers, [5, np.hypot(3, 3.9), np.hypot(3, 3.9)])


def _random_layers(rng: np.random.Generator) -> FaceLayers:
    def picture(side_px: int) -> np.ndarray:
        return rng.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)

    outlines = rng.normal(size=(4, 84, 84)).astype(np.float32)
    return FaceLayers(picture(250), picture(84), picture(84), outlines)
