"""`calibrate` as a person types it."""

import json
import shutil

import pytest
from click.testing import CliRunner

import cli
from index.calibration import fit as calibration_fit
from index.calibration import stage as calibration_stage
from index.calibration.calibration import Calibration
from index.calibration.config import CalibrateConfig
from index.enrollment.after_training import enroll_manifest
from index.gallery.gallery import open_gallery, open_or_create_gallery
from masking.datasets.sample import sample_people
from masking.errors import InvalidConfig
from training.checkpoints.store import choose_embedder


@pytest.fixture(scope="module")
def workspace(small_manifest, tmp_path_factory):
    """Eight augmented people in the gallery of the shipped embedder."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(small_manifest.folder, folder / "augmented")
    embedder = choose_embedder("shipped", folder / "models", "cpu")
    with open_or_create_gallery(folder / "gallery", embedder) as gallery:
        enroll_manifest(gallery, small_manifest, embedder)
    return folder


@pytest.fixture(scope="module")
def impostors(tmp_path_factory):
    """Eight synthetic people who are not in the workspace, two photos each."""
    folder = tmp_path_factory.mktemp("impostors")
    for person in sorted(sample_people().iterdir())[8:16]:
        (folder / person.name).mkdir()
        for photo in sorted(person.iterdir())[:2]:
            shutil.copy(photo, folder / person.name / photo.name)
    return folder


@pytest.fixture(scope="module", autouse=True)
def embedded_once():
    """The tests look at the same photographs: masks go on them for the first one."""
    known, embed = {}, calibration_stage._embedded

    def once(photos, embedder, seed, *others):
        key = (tuple(photo.path for photo in photos), embedder.fingerprint, seed)
        if key not in known:
            known[key] = embed(photos, embedder, seed, *others)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration_stage, "_embedded", once)
        yield


def calibrated(workspace, *arguments):
    places = ["--workspace", str(workspace), "--device", "cpu", "--workers", "1"]
    options = ["--masks", "1", "--model", "shipped", *map(str, arguments)]
    return CliRunner().invoke(cli.main, ["calibrate", *places, *options])


def test_few_impostors_are_too_few(workspace, impostors):
    done = calibrated(workspace, impostors)
    assert done.exit_code == 2
    assert "needs 1,000 pairs of impostors and others, got" in done.output


def test_photographs_of_impostors(workspace, impostors, monkeypatch):
    monkeypatch.setattr(calibration_fit, "MIN_PAIRS", 100)
    done = calibrated(workspace, impostors, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["impostors"] == 8
    assert record["people"] == [8, 100, 1000, 5000]
    for limits in record["thresholds"].values():
        assert limits == sorted(limits, reverse=True)
        # Squares of embeddings of length 1.
        assert 0.03 < limits[-1] < limits[0] < 2
    with open_gallery(workspace / "gallery") as gallery:
        stored = Calibration.from_json(gallery.calibration_json)
    assert stored.source.startswith(
        "photos of 8 impostors, unmasked and with 1 synthetic"
    )
    assert (
        round(stored.threshold(8, 0.01, True, True), 4)
        == record["thresholds"]["masked"][0]
    )


def test_thresholds_are_checked_on_other_people(workspace, impostors):
    before = (workspace / "gallery" / "gallery.sqlite").read_bytes()
    places = ["--check", impostors, "--check", impostors, "--fpir", "0.25"]
    done = calibrated(workspace, *places, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["fpir"], record["calibrated"]) == (0.25, True)
    assert len(record["folders"]) == 2
    unmasked, masked = record["folders"][0]["checks"]
    assert (unmasked["people"], unmasked["gallery"]) == (8, 4)
    assert (unmasked["probes"], masked["probes"]) == ("unmasked", "masked")
    assert unmasked["tpir"]["value"] > 0.8
    for one in (unmasked, masked):
        rate = one["fpir"]
        assert 0 <= rate["low"] <= rate["value"] <= rate["high"] <= 1
    assert (workspace / "gallery" / "gallery.sqlite").read_bytes() == before


def test_a_check_says_from_which_score_on_the_rate_is_as_wanted(tmp_path, impostors):
    # Without a gallery too: the thresholds are those that ship.
    done = calibrated(tmp_path, "--check", impostors)
    assert done.exit_code == 0, done.output
    assert f"{impostors}: 16 photos" in done.output
    assert "unmasked, 8 people, galleries of 4: FPIR " in done.output
    assert "too few people to say from which score on FPIR is 1.0%" in done.output
    done = calibrated(tmp_path, "--check", impostors, "--fpir", "0.25")
    assert "FPIR 25.0% from score " in done.output
    assert "identify --threshold " in done.output


def test_a_check_changes_nothing(workspace, impostors):
    done = calibrated(workspace, impostors, "--check", impostors)
    assert done.exit_code == 2
    assert "--check changes no thresholds" in done.output


def test_people_whom_train_held_out(workspace, monkeypatch):
    monkeypatch.setattr(calibration_fit, "MIN_PAIRS", 10)
    done = calibrated(workspace)
    assert done.exit_code == 0, done.output
    assert (
        "calibrated on 2 validation people, unmasked and with 1 synthetic"
        in done.output
    )
    assert "8 people (this gallery)" in done.output
    assert "5,000 people " in done.output
    assert "no probabilities are shown" in done.output


@pytest.mark.parametrize(
    "wrong",
    [
        {"masks": 0},
        {"validation_fraction": 1.0},
        {"validation_seed": -1},
        {"workers": -1},
    ],
)
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(InvalidConfig):
        CalibrateConfig(**wrong)
