"""Both networks give the same rows, in px of any picture; pyramids lead back to it."""

import cv2
import numpy as np
import onnx
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.faces import networks as module
from masking.faces.networks import RetinaFace, YuNet, levels, quarters_back, tiles
from masking.files.model_files import YUNET, own_model


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
    (one,), (other,) = YuNet().find(portrait, 0.6), RetinaFace().find(portrait, 0.6)
    assert one[14] > 0.8 and other[14] > 0.9
    eyes = one[6] - one[4]
    np.testing.assert_allclose(one[4:14], other[4:14], atol=0.25 * eyes)
    np.testing.assert_allclose(one[:4], other[:4], atol=0.4 * eyes)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (64, 64)])
def test_neither_sees_anything_in_black(shape):
    image = np.zeros((*shape, 3), np.uint8)
    assert YuNet().find(image, 0.2).shape == (0, 15)
    assert RetinaFace().find(image, 0.2).shape == (0, 15)


def test_a_place_of_yunet_gives_its_box_and_points():
    # Two rows of three places, 16 px apart; the one in row 1, column 2 is a face.
    classes, objects = np.zeros((6, 1), np.float32), np.ones((6, 1), np.float32)
    classes[5], objects[0] = 0.64, 2.0
    boxes, points = np.zeros((6, 4), np.float32), np.zeros((6, 10), np.float32)
    boxes[5] = 0.5, -0.25, np.log(2), np.log(4)
    points[5] = [-1, -1, 1, -1, 0, 0, -1, 1, 1, 1]
    outs = classes, objects, boxes, points
    (row,) = module._of_places(outs, 16, 3, 0.7)
    x, y = 2 * 16, 16
    np.testing.assert_allclose(row[:4], [x + 8 - 16, y - 4 - 32, 32, 64], rtol=1e-5)
    wanted = 16 * np.array([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]])
    np.testing.assert_allclose(row[4:14].reshape(5, 2) - [x, y], wanted, rtol=1e-5)
    assert row[14] == pytest.approx(0.8)
    assert len(module._of_places(outs, 16, 3, 0.81)) == 0


def test_yunet_sees_what_opencv_sees_with_it(tmp_path):
    # OpenCV reads the file where its sides are numbers.
    model = onnx.load(own_model(YUNET))
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_value = 320
    onnx.save(model, tmp_path / "fixed.onnx")
    path = sorted(sample_people().glob("*/*.jpg"))[0]
    portrait = np.asarray(cv2.resize(read_rgb(path), (301, 317)), np.uint8)
    theirs = cv2.FaceDetectorYN.create(
        str(tmp_path / "fixed.onnx"), "", (301, 317), 0.3, 0.3
    )
    _, rows = theirs.detect(cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR))
    np.testing.assert_allclose(YuNet().find(portrait, 0.3), rows, atol=0.01)


@pytest.mark.parametrize("side", [1, 200, 736, 737, 1000, 2700, 8050])
def test_tiles_cover_a_side_and_share_enough_for_a_face(side):
    pieces = list(tiles(side))
    assert all(start >= 0 and length <= 640 + 96 for start, length in pieces)
    ends = [start + length for start, length in pieces]
    assert pieces[0][0] == 0 and ends[-1] >= side
    shared = [end - start for end, (start, _) in zip(ends, pieces[1:], strict=False)]
    assert all(one >= 96 for one in shared)
    assert len(pieces) == max(1, int(np.ceil((side - 96) / 544)))


def test_levels_of_the_pyramid():
    # .45 of 12 megapixels are .671 of the side; then quarters, with 16 px of border.
    sizes = [
        level.shape[:2] for level, _ in levels(np.zeros((3000, 4000, 3), np.uint8))
    ]
    assert sizes == [
        (2012, 2683),
        (503 + 32, 671 + 32),
        (126 + 32, 168 + 32),
        (32 + 32, 42 + 32),
    ]
    # Small pictures are read whole.
    sizes = [level.shape[:2] for level, _ in levels(np.zeros((100, 120, 3), np.uint8))]
    assert sizes == [(100, 120)]
    level, back = list(levels(np.zeros((400, 800, 3), np.uint8)))[1]
    # The first pixel behind the border is the mean of the first 4 x 4.
    assert level.shape == (132, 232, 3)
    np.testing.assert_allclose(back @ [16, 16, 1], [1.5, 1.5])


@pytest.mark.parametrize("quarters", range(4))
def test_quarter_turns_lead_back(quarters):
    picture = np.arange(2 * 5, dtype=np.uint8).reshape(2, 5)
    turned = np.rot90(picture, quarters)
    back = quarters_back(turned, quarters)
    for y, x in np.ndindex(turned.shape):
        there = back @ [x, y, 1]
        assert picture[int(there[1]), int(there[0])] == turned[y, x]
