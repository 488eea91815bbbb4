"""Both networks give the same rows, in px of any picture."""

import cv2
import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.faces import networks as module
from masking.faces.networks import RetinaFace, YuNet


def test_a_square_gives_its_box_and_points():
    out = np.zeros((32, 2, 3), np.float32)
    out[[0, 2]] = 9
    # The larger square, of 128 px, in row 1, column 2 of a level of 16 px.
    out[3, 1, 2] = 9 + np.log(3)
    # Its middle is moved by a tenth of its side times these, it grows by e^(.2 x).
    out[8:12, 1, 2] = 0.5, -0.5, 0, np.log(2) / 0.2
    out[22:32, 1, 2] = [-1, -1, 1, -1, 0, 0, -1, 1, 1, 1]
    (row,) = module._faces(out, 16, 128.0, 1, 0.7)
    # The middle of 16 px from 32 and from 16 on, pixels counting from their middles.
    x, y = 39.5, 23.5
    np.testing.assert_allclose(
        row[:4], [x + 6.4 - 64, y - 6.4 - 128, 128, 256], rtol=1e-5
    )
    points = 12.8 * np.array([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]])
    np.testing.assert_allclose(row[4:14].reshape(5, 2) - [x, y], points, rtol=1e-5)
    assert row[14] == pytest.approx(0.75)
    assert len(module._faces(out, 16, 128.0, 1, 0.76)) == 0
    # The other square of the same place is none.
    assert len(module._faces(out, 16, 64.0, 0, 0.7)) == 0


@pytest.mark.parametrize("side", [250, 97])
def test_both_see_a_portrait_alike(side):
    path = sorted(sample_people().glob("*/*.jpg"))[0]
    portrait = np.asarray(cv2.resize(read_rgb(path), (side, side + 9)), np.uint8)
    (one,), (other,) = YuNet(0.6).find(portrait), RetinaFace().find(portrait, 0.6)
    assert one[14] > 0.8 and other[14] > 0.9
    eyes = one[6] - one[4]
    np.testing.assert_allclose(one[4:14], other[4:14], atol=0.25 * eyes)
    np.testing.assert_allclose(one[:4], other[:4], atol=0.4 * eyes)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (64, 64)])
def test_neither_sees_anything_in_black(shape):
    image = np.zeros((*shape, 3), np.uint8)
    assert YuNet(0.2).find(image).shape == (0, 15)
    assert RetinaFace().find(image, 0.2).shape == (0, 15)


def test_each_of_the_last_sizes_has_a_network_of_its_own():
    made = iter(range(9))
    networks = module._OneEachSize(lambda: next(made))
    small, large, other, more = (np.zeros((n, 9, 3), np.uint8) for n in range(4))
    asked = [small, large, small, large, other, small, more, large, small]
    # The fourth size takes the network of the size that was read the longest ago.
    wanted = [0, 1, 0, 1, 2, 0, 1, 2, 0]
    assert [networks.of(image) for image in asked] == wanted


def test_networks_of_their_own_answer_as_one_does(monkeypatch):
    path = sorted(sample_people().glob("*/*.jpg"))[0]
    portraits = [
        np.asarray(cv2.resize(read_rgb(path), (side, side)), np.uint8)
        for side in (250, 128, 90, 200)
    ]
    rows = []
    for count in (3, 1):
        monkeypatch.setattr(module, "_SIZES", count)
        one, other = YuNet(0.2), RetinaFace()
        for portrait in portraits * 2:
            rows.append(np.vstack([one.find(portrait), other.find(portrait, 0.1)]))
    for found, wanted in zip(rows[:8], rows[8:], strict=True):
        np.testing.assert_array_equal(found, wanted)
