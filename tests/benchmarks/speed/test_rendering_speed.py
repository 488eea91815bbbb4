"""The speed of rendering in batches: what is rendered, and what is said of it."""

import json

import pytest
import torch
from click.testing import CliRunner

from benchmarks.speed.rendering_speed import main, read_chips
from masking.augment.manifest import Manifest
from masking.errors import InvalidConfig
from tests.fakes.drawn_faces import augmented_drawings


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return augmented_drawings(tmp_path_factory.mktemp("drawn"))


def test_chips_have_the_size_asked_for_and_each_a_mask(manifest):
    chips = read_chips(manifest, 112, 10)
    assert chips.pixels.shape == (10, 3, 112, 112)
    assert chips.pixels.dtype == torch.uint8
    assert chips.points.shape == (10, 68, 2)
    assert (chips.points > 0).all() and (chips.points < 112).all()
    assert all(chips.specs)
    assert len(chips.first(3).specs) == len(chips.first(3).pixels) == 3


def test_batches_are_no_larger_than_what_there_is(manifest):
    threads = torch.get_num_threads()
    folder, few = str(manifest.folder), ["--rounds", "1", "--device", "cpu"]
    try:
        done = CliRunner().invoke(
            main, [folder, "--batches", "4,1000,2000", *few, "--json"]
        )
        shown = CliRunner().invoke(main, [folder, "--batches", "4", *few])
    finally:
        torch.set_num_threads(threads)
    assert done.exit_code == shown.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["batch"] for row in rows] == [4, 24]
    assert all(row["faces_per_second"] > 0 and row["ratio"] > 0 for row in rows)
    assert "112 px on cpu" in shown.output
    assert "batches of     4" in shown.output


def test_a_folder_without_chips_is_refused(manifest):
    empty = Manifest(manifest.folder, {}, manifest.geometry, [], "")
    with pytest.raises(InvalidConfig, match=r"holds no chip. Run augment again"):
        read_chips(empty, 112, 10)
