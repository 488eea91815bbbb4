import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from masking.errors import DivergedTraining, InvalidConfig
from tests.fakes.trainings import CONFIG
from training.checkpoints.checkpoint import load_checkpoint, load_embedder, read_state
from training.checkpoints.export import NotExported
from training.checkpoints.store import STATE, latest_checkpoint, load_onnx_embedder
from training.config import TrainConfig
from training.data import chip_dataset as cohort_making
from training.data.chip_dataset import cohort_of_rows, embed_rows, unmasked_embeddings
from training.embedders.torch_embedder import dlib_embedder
from training.metrics.score_normalization import Cohort
from training.run import objective
from training.run import stage as train_stage
from training.run import state as train_run
from training.run.initialisation import initialise
from training.run.stage import forget_run, learning_rate_at, train


@pytest.fixture(scope="module")
def trained(small_manifest, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    return train(small_manifest, models, CONFIG), models


@pytest.fixture
def undrawn(monkeypatch):
    """Trainings leave no curves and no ONNX file, which their tests do not read."""

    def refused(*_):
        raise NotExported("not asked for")

    monkeypatch.setattr("training.checkpoints.export.export_embedder", refused)
    monkeypatch.setattr(train_stage, "write_train_report", lambda *_: None)


@pytest.fixture
def bare(undrawn, monkeypatch):
    """Trainings measure nothing either."""
    monkeypatch.setattr(train_stage, "validate", lambda *_: _NoFigures())


class _NoFigures:
    def to_json(self):
        return {"uu_1e3": 0.0, "mu_1e3": 0.0, "mc_1e3": 0.0, "mm_1e3": 0.0}


def test_training_leaves_a_loadable_checkpoint_and_its_report(trained, small_manifest):
    report, models = trained
    assert latest_checkpoint(models) == report.checkpoint
    saved = load_checkpoint(report.checkpoint)
    assert saved.manifest_sha256 == small_manifest.sha256
    assert saved.config["epochs"] == 2
    assert report.people + report.validation_people == 8
    assert report.validation_people >= 2
    figures = json.loads((models / "train-report" / "report.json").read_text())
    assert len(figures["losses"]) == 2
    assert (models / "train-report" / "curves.png").stat().st_size > 5000
    # Commands of a few photos start without torch.
    exported = load_onnx_embedder(report.checkpoint)
    trained = load_embedder(report.checkpoint, flip_average=True)
    assert exported.fingerprint == trained.fingerprint
    # What comes after the training may be killed too.
    assert (models / STATE).exists()


def test_training_moves_masked_faces_towards_their_unmasked_selves(
    trained, small_manifest
):
    report, _ = trained
    start, ours = dlib_embedder(), load_embedder(report.checkpoint)
    rows = small_manifest.faces()
    wanted = embed_rows(small_manifest, rows, start, 0)

    def gap(embedder):
        masked = embed_rows(
            small_manifest, rows, embedder, 0, masked_fraction=1.0, seed=7
        )
        return float(np.linalg.norm(masked - wanted, axis=1).mean())

    assert gap(ours) < 0.97 * gap(start)


def test_people_enough_make_a_cohort(small_manifest, tmp_path, monkeypatch, undrawn):
    def drawn(people, seed, collections, faces):
        assert people.shape == (report_people, 128)
        return Cohort.of(np.random.default_rng(seed).normal(size=(20, 128)), 1.0)

    report_people = 6
    monkeypatch.setattr(cohort_making, "LEAST_PEOPLE", report_people)
    monkeypatch.setattr(cohort_making, "cohort_of", drawn)
    config = dataclasses.replace(CONFIG, epochs=1)
    report = train(small_manifest, tmp_path, config)
    assert report.people == report_people
    saved = load_checkpoint(report.checkpoint)
    assert len(saved.cohort.members) == 20
    assert saved.report["after"] == report.after
    assert load_embedder(report.checkpoint).cohort is not None
    # What is trained further keeps it, unless it sees people enough for its own.
    monkeypatch.setattr(cohort_making, "LEAST_PEOPLE", report_people + 1)
    monkeypatch.setattr(train_stage, "validate", lambda *_: _NoFigures())
    start = initialise(str(report.checkpoint), "auto", tmp_path, "cpu", 0)
    again = train(small_manifest, tmp_path / "again", config, start)
    kept = load_checkpoint(again.checkpoint)
    np.testing.assert_array_equal(kept.cohort.members, saved.cohort.members)


def test_of_very_many_people_some_are_drawn(small_manifest, monkeypatch):
    monkeypatch.setattr(cohort_making, "LEAST_PEOPLE", 2)
    monkeypatch.setattr(cohort_making, "MOST_PEOPLE", 5)
    monkeypatch.setattr(cohort_making, "cohort_of", lambda people, *_: len(people))
    rows = small_manifest.faces()
    found = cohort_of_rows(small_manifest, rows, dlib_embedder(), 1, seed=0)
    assert found == 5 < len({row.identity for row in rows})


def test_a_killed_run_goes_on_to_the_same_weights(
    trained, small_manifest, tmp_path, monkeypatch, undrawn
):
    whole, _ = trained
    save = train_run.TrainRun.save

    def save_and_die(self, path):
        save(self, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train_run.TrainRun, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(small_manifest, tmp_path, CONFIG)
    (tmp_path / ".writing-killed").write_bytes(b"half a state")
    resumed = train(small_manifest, tmp_path, CONFIG)
    assert not (tmp_path / ".writing-killed").exists()
    assert resumed.resumed_at == 1
    assert resumed.checkpoint.name == whole.checkpoint.name  # the weights' hash
    assert resumed.after == whole.after


def test_a_loss_that_is_no_number_stops_with_one_sentence(
    small_manifest, tmp_path, monkeypatch, bare
):
    monkeypatch.setattr(
        objective,
        "distillation_loss",
        lambda embeddings, wanted, trust: embeddings.sum() * float("nan"),
    )
    with pytest.raises(DivergedTraining, match="lower --learning-rate"):
        train(small_manifest, tmp_path, CONFIG)


@pytest.mark.parametrize("rate", [1e3, 1e6])
def test_a_last_step_that_spoils_the_network_is_noticed(small_manifest, tmp_path, rate):
    """One step of an epoch: its loss is measured before the weights move."""
    config = dataclasses.replace(CONFIG, epochs=1, batch_size=16, learning_rate=rate)
    with pytest.raises(DivergedTraining, match="lower --learning-rate"):
        train(small_manifest, tmp_path, config)
    assert latest_checkpoint(tmp_path) is None


def test_the_last_whole_epoch_survives_a_loss_that_is_no_number(
    small_manifest, tmp_path, monkeypatch, bare
):
    save = train_run.TrainRun.save

    def save_and_spoil(self, path):
        save(self, path)
        with torch.no_grad():
            next(iter(self.weights)).fill_(float("nan"))

    monkeypatch.setattr(train_run.TrainRun, "save", save_and_spoil)
    with pytest.raises(DivergedTraining, match="the last whole epoch is kept"):
        train(small_manifest, tmp_path, CONFIG)
    kept = read_state(tmp_path / STATE)
    assert kept["progress"]["epoch"] == 1
    assert all(t.isfinite().all() for t in kept["network"].values())


def test_a_finished_run_is_not_trained_again_until_it_is_forgotten(
    trained, small_manifest, tmp_path, monkeypatch, undrawn
):
    report, models = trained
    shutil.copytree(models, tmp_path / "models")
    monkeypatch.setattr(train_stage, "train_step", None)
    again = train(small_manifest, tmp_path / "models", CONFIG)
    assert again.resumed_at == CONFIG.epochs
    assert again.checkpoint.name == report.checkpoint.name
    assert again.after == report.after
    forget_run(tmp_path / "models")
    assert not (tmp_path / "models" / STATE).exists()


def test_unmasked_embeddings_are_computed_once(small_manifest, tmp_path, monkeypatch):
    embedder = dlib_embedder()
    first = unmasked_embeddings(small_manifest, embedder, 0, tmp_path)
    monkeypatch.setattr(embedder, "embed", None)
    np.testing.assert_array_equal(
        unmasked_embeddings(small_manifest, embedder, 0, tmp_path), first
    )


@pytest.mark.parametrize("damage", ["empty", "cut", "bit"])
def test_a_damaged_cache_is_made_again(small_manifest, tmp_path, damage):
    embedder = dlib_embedder()
    first = unmasked_embeddings(small_manifest, embedder, 0, tmp_path)
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    broken = {"empty": b"", "cut": data[:100], "bit": data}
    path.write_bytes(broken[damage])
    again = unmasked_embeddings(small_manifest, embedder, 0, tmp_path)
    np.testing.assert_array_equal(again, first)


def test_a_damaged_state_and_another_configuration_begin_again(
    small_manifest, tmp_path, caplog, bare, monkeypatch
):
    # Whether it begins again does not depend on what is learned.
    monkeypatch.setattr(
        train_stage, "train_step", lambda run, batches, *_: float(len(list(batches)))
    )
    config = dataclasses.replace(CONFIG, epochs=1)
    (tmp_path / STATE).write_bytes(b"")
    assert train(small_manifest, tmp_path, config).resumed_at == 0
    assert "training begins again" in caplog.text
    assert train(small_manifest, tmp_path, config).resumed_at == 1
    other = dataclasses.replace(config, learning_rate=1e-4)
    assert train(small_manifest, tmp_path, other).resumed_at == 0


def test_learning_rate_rises_to_its_peak_and_falls_to_zero():
    rates = [learning_rate_at(step, 1000, 1.0) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[250] == pytest.approx(1.0)
    assert rates[1000] == pytest.approx(0.0)
    assert rates[:251] == sorted(rates[:251])
    assert rates[250:] == sorted(rates[250:], reverse=True)


def test_short_runs_take_small_steps():
    assert max(learning_rate_at(step, 20, 1.0) for step in range(20)) < 0.2


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"masked_fraction": 1.5},
        {"validation_fraction": 1.0},
        {"precision": "float8"},
        {"ema_decay": 1.0},
        {"blend": 0.0},
        {"workers": -1},
    ],
)
def test_options_that_cannot_work_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InvalidConfig, match=name.replace("_", "-")):
        TrainConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"learning_rate": float("inf")},
        {"learning_rate": float("nan")},
        {"prototype_weight": float("nan")},
        {"distillation_weight": -1.0},
    ],
)
def test_options_that_cannot_work_are_refused_by_name(wrong):
    name = next(iter(wrong)).replace("_", "-")
    with pytest.raises(InvalidConfig, match=name):
        TrainConfig(**wrong)
