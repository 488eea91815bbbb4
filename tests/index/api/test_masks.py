"""Masks as a function and as a transform: forms of pictures, chance, refusals."""

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torchvision import tv_tensors
from torchvision.transforms import v2

from index.api.masks import MaskFaces
from index.api.pictures import read_picture, sample_people
from masking.errors import InvalidConfig
from masking.faces.finder import FaceFinder


@pytest.fixture(scope="module")
def picture():
    return read_picture(sample_people() / "Person_07" / "1.jpg")


def test_a_mask_stands_in_pipelines_of_torchvision(picture):
    tensor = tv_tensors.Image(torch.from_numpy(picture).movedim(-1, 0))
    pipeline = v2.Compose(
        [MaskFaces(["surgical"]), v2.ToDtype(torch.float32, scale=True)]
    )
    torch.manual_seed(3)
    masked, label = pipeline(tensor, 7)
    assert label == 7
    assert isinstance(masked, tv_tensors.Image)
    assert masked.shape == tensor.shape
    changed = (masked * 255 - tensor).abs().amax(0) > 2
    assert 0.03 < changed.float().mean() < 0.6
    torch.manual_seed(3)
    again, _ = pipeline(tensor, 7)
    assert torch.equal(again, masked)
    assert not torch.equal(pipeline(tensor, 7)[0], masked)


def test_every_form_of_a_picture_gets_the_same_mask(picture):
    mask = MaskFaces(["cloth"])

    def drawn(given):
        torch.manual_seed(5)
        return mask(given)

    expected = drawn(picture)
    assert not np.array_equal(expected, picture)
    np.testing.assert_array_equal(drawn(Pillow.fromarray(picture)), expected)
    tensor = torch.from_numpy(picture).movedim(-1, 0)
    np.testing.assert_array_equal(drawn(tensor).movedim(0, -1), expected)
    batch = drawn(tv_tensors.Image(tensor[None]))
    assert isinstance(batch, tv_tensors.Image)
    np.testing.assert_array_equal(drawn(tensor[None])[0].movedim(0, -1), expected)
    np.testing.assert_array_equal(drawn(picture[None])[0], expected)
    torch.manual_seed(5)
    named = mask(image=picture, mask=4)
    np.testing.assert_array_equal(named["image"], expected)
    assert named["mask"] == 4


def test_a_probability_is_kept(monkeypatch):
    grey = np.full((40, 40, 3), 128, np.uint8)
    rendered = []
    monkeypatch.setattr(FaceFinder, "find", lambda _, one: rendered.append(one) or [])
    torch.manual_seed(0)
    mask = MaskFaces(p=0.25)
    for _ in range(80):
        mask(grey)
    # 20 are expected; 5 standard deviations of 3.9 on either side.
    assert 1 <= len(rendered) <= 39


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        torch.zeros(3, 9, 9),
        "masked.jpg",
    ],
    ids=["grey", "alpha", "floats", "tensor of floats", "path"],
)
def test_what_is_no_picture_is_refused(given):
    with pytest.raises(InvalidConfig, match=r"\(H, W, 3\) uint8 array in RGB, got"):
        MaskFaces()(given)


def test_wrong_options_are_refused_when_the_transform_is_made():
    with pytest.raises(InvalidConfig, match="p must be at least 0"):
        MaskFaces(p=1.5)
    with pytest.raises(InvalidConfig, match="helmet"):
        MaskFaces(["helmet"])


def test_albumentations_tells_more_of_a_picture_by_name(picture):
    torch.manual_seed(3)
    alone = MaskFaces(["ffp2"])(picture)
    torch.manual_seed(3)
    # As its `Lambda` calls.
    told = MaskFaces(["ffp2"])(picture, rows=250, cols=250)
    assert (told == alone).all()
    assert (told != picture).any()
