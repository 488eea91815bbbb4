"""dlib's shape predictors in fewer bytes."""

import dlib
import numpy as np
import pytest

from masking.errors import BadRecord
from masking.faces import landmark_predictor
from masking.faces.landmark_predictor import (
    LandmarkPredictor,
    read_packed,
    write_packed,
)

BOX = dlib.rectangle(10, 10, 90, 90)


def picture_of(x, y):
    """A white square on black, and its middle and two corners as landmarks."""
    picture = np.zeros((100, 100), np.uint8)
    picture[y - 15 : y + 15, x - 15 : x + 15] = 255
    points = [(x, y), (x - 15, y - 15), (x + 15, y + 15)]
    return picture, dlib.full_object_detection(BOX, [dlib.point(*p) for p in points])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A predictor that dlib trained and wrote: path, itself."""
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level = 4, 20
    options.tree_depth, options.oversampling_amount, options.nu = 3, 4, 0.3
    options.feature_pool_size, options.num_threads = 40, 1
    places = [(x, y) for x in range(30, 71, 8) for y in range(30, 71, 8)]
    pictures, shapes = zip(*(picture_of(*place) for place in places), strict=True)
    predictor = dlib.train_shape_predictor(
        list(pictures), [[shape] for shape in shapes], options
    )
    path = tmp_path_factory.mktemp("predictor") / "small.dat"
    predictor.save(str(path))
    return path, predictor


def corners(predictor, picture):
    return np.array([(p.x, p.y) for p in predictor(picture, BOX).parts()])


def test_a_packed_predictor_finds_what_it_found(trained, tmp_path):
    path, predictor = trained
    packed = tmp_path / "small.npz"
    write_packed(packed, path.read_bytes())
    assert packed.stat().st_size < path.stat().st_size / 3
    again = read_packed(packed)
    off, moved = [], []
    for place in ((33, 41), (50, 50), (64, 37), (41, 66)):
        picture, truth = picture_of(*place)
        expected = np.array([(p.x, p.y) for p in truth.parts()])
        was, now = corners(predictor, picture), corners(again, picture)
        off.append(np.abs(was - expected).mean())
        moved.append(np.abs(was - now).max())
    # It has learned where the square is, and rounding moves nothing by more than 2 px.
    assert np.mean(off) < 4 and max(moved) <= 2


def test_a_process_reads_a_file_once(trained, tmp_path):
    copy = tmp_path / "copy.dat"
    copy.write_bytes(trained[0].read_bytes())
    first = LandmarkPredictor(copy)
    copy.unlink()
    assert LandmarkPredictor(copy, steady=True)._predictor is first._predictor


def test_what_needs_no_rounding_is_packed_without_loss(trained, tmp_path):
    """Its leaves are whole numbers already, and dlib reads on."""
    path, _ = trained
    once, twice = tmp_path / "once.npz", tmp_path / "twice.npz"
    write_packed(once, path.read_bytes())
    data = read_packed(once).__getstate__()[0]
    write_packed(twice, data)
    assert twice.read_bytes() == once.read_bytes()
    # dlib writes each number as short as it can, so lengths differ and values do not.
    dat = tmp_path / "again.dat"
    dat.write_bytes(data)
    picture, _ = picture_of(44, 58)
    expected = corners(dlib.shape_predictor(str(dat)), picture)
    assert corners(read_packed(twice), picture).tolist() == expected.tolist()


def test_numbers_are_written_as_dlib_writes_them():
    # dlib/serialize.h: a byte with the length and, in its top bit, the sign; then the
    # number, low byte first. -136 is 0x81 0x88 in every model of 68 landmarks.
    assert landmark_predictor._integers(-136, 1).tolist() == [0x81, 0x88]
    assert landmark_predictor._integers([258, -1], 2).tolist() == [
        [2, 2, 1],
        [130, 1, 0],
    ]
    # -.75 is -12582912 (0xC00000) times 2 to the minus 24.
    expected = [0x84, 0, 0, 0xC0, 0, 0x82, 24, 0]
    assert landmark_predictor._floats(np.array([-0.75], np.float32)).tolist() == [
        expected
    ]


def test_a_damaged_file_is_one_sentence(trained, tmp_path):
    path, _ = trained
    packed = tmp_path / "small.npz"
    write_packed(packed, path.read_bytes())
    packed.write_bytes(packed.read_bytes()[:-200])
    with pytest.raises(BadRecord, match=r"small\.npz: damaged"):
        LandmarkPredictor(packed)


def test_another_format_of_dlib_is_refused(tmp_path):
    with pytest.raises(ValueError, match="format 1"):
        write_packed(tmp_path / "x.npz", b"\x01\x02")
