"""Every way of masking is timed on the same photographs."""

import json

import cv2
import pytest
import torch
from click.testing import CliRunner

from benchmarks.speed.masking_speed import PLAIN, main
from masking.datasets.sample import sample_people


@pytest.fixture
def threads():
    """The benchmark takes one thread for itself, and for all that come after it."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_ratios_are_to_decoding_and_encoding(threads):
    words = ["--photos", str(sample_people()), "--count", "2", "--rounds", "1"]
    done = CliRunner().invoke(main, [*words, "--batches", "3,4", "--json"])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert {f"112 px, batches of {size}, CPU" for size in (3, 4)} <= rows.keys()
    assert rows[PLAIN]["ratio"] == 1
    for row in rows.values():
        speed = row["faces_per_second"]
        assert speed == pytest.approx(1000 / row["ms_per_face"])
        ratio = speed / rows[PLAIN]["faces_per_second"]
        assert row["ratio"] == pytest.approx(ratio)
