"""The calibrations that come with the project, and that damaged ones are refused."""

import json
from pathlib import Path

import pytest

from index.calibration.calibration import PAIRS
from index.calibration.shipped import (
    FILE,
    KINDS,
    default_calibration,
    read_calibrations,
    shipped_calibration,
)
from masking.errors import BadRecord, MissingInput
from tests.fakes.drawn_calibrations import flat_calibration
from tools.release.ship_calibrations import write_calibrations
from training.checkpoints.store import choose_embedder


@pytest.mark.parametrize("name", ["dlib", "dlib-masked", "shipped"])
def test_the_networks_of_the_project_are_calibrated(name):
    """After another embedder is shipped: python -m tools.release.ship_calibrations."""
    calibration = shipped_calibration(choose_embedder(name, Path(), "cpu").fingerprint)
    assert set(calibration.probability) == set(PAIRS)
    assert calibration.impostors > 800
    # Other networks have embeddings of length 1, farther apart than dlib's.
    scale = 4 if name == "shipped" else 1
    assert all(2 < gap / scale < 25 for gap in calibration.alike.values())
    for masked in (False, True):
        # Masked faces are compared with masked references.
        limits = [
            calibration.threshold(n, 0.01, masked, masked)
            for n in (1, 100, 5000, 10**6)
        ]
        assert limits == sorted(limits, reverse=True)
        assert 0.03 < limits[-1] < limits[0] < 0.5 * scale


@pytest.mark.parametrize("name", ["dlib", "dlib-masked", "shipped"])
def test_the_default_is_that_of_the_kind_of_distance(name):
    embedder = choose_embedder(name, Path(), "cpu")
    own = shipped_calibration(embedder.fingerprint)
    assert default_calibration(embedder.cohort) is own


def test_unknown_embedders_have_none():
    assert shipped_calibration("a" * 64) is None


def test_calibrations_survive_their_file(tmp_path):
    path = tmp_path / "calibrations.json"
    kept = {"a": flat_calibration(0.5), "b": flat_calibration(0.6, spread=0.1)}
    defaults = {"plain": "b", "dlib, cohort": "b", "cohort": "a"}
    write_calibrations(path, defaults, kept)
    assert read_calibrations(path) == (defaults, kept)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"defaults": dict.fromkeys(KINDS, "nobody")},
        {"defaults": {}},
        {"calibrations": {"a": {}}},
        {"calibrations": None},
    ],
)
def test_damaged_files_are_refused(tmp_path, change):
    record = json.loads(FILE.read_text())
    path = tmp_path / "calibrations.json"
    path.write_text(json.dumps(record | change))
    with pytest.raises(BadRecord, match="damaged"):
        read_calibrations(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"calibrations.json: the calibrations that"):
        read_calibrations(tmp_path / "calibrations.json")
