"""What a calibration says, and which stored ones are refused."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from index.calibration.calibration import (
    KINDS,
    PAIRS,
    SHIPPED_FILE,
    STATES,
    Calibration,
    MatchProbability,
    default_calibration,
    read_calibrations,
    shipped_calibration,
)
from index.calibration.fit import (
    calibration_error,
    calibration_error_by_chance,
    fit_probability,
)
from masking.errors import BadRecord, MissingInput
from tests.fakes.drawn_calibrations import flat_calibration, flat_thresholds
from tools.release.ship_calibrations import write_calibrations
from training.checkpoints.store import choose_embedder


def test_each_pair_of_mask_states_has_its_threshold():
    calibration = flat_calibration(0.5, unmasked_masked=0.4, masked_unmasked=0.6)
    assert calibration.threshold(10, masked_probe=False) == 0.5
    assert calibration.threshold(10, masked_probe=False, masked_template=True) == 0.4
    assert calibration.threshold(10, masked_probe=True) == 0.6
    assert calibration.threshold(10, masked_probe=True, masked_template=True) == 0.5


def test_calibration_survives_json():
    models = {"unmasked": MatchProbability(0.1, 2.0, 0.0)}
    calibration = flat_calibration(
        0.5, models, spread=0.1, alike=2.5, masked_masked=0.3
    )
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"format_version": 1}'])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(BadRecord, match="damaged"):
        Calibration.from_json(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("thresholds", {"unmasked-unmasked": asdict(flat_thresholds(0.5))}),
        ("probability", {PAIRS[0]: {"offset": 0, "score": -1, "gap": 0}}),
        ("probability", {"unmasked": {"offset": 0, "score": 1, "gap": 0}}),
        ("spread", {"unmasked": 0.1}),
        ("spread", {"unmasked": 0.1, "masked": float("nan")}),
        ("spread", {"unmasked": 0.1, "masked": 1.0}),
        ("alike", {"unmasked": 1.0}),
        ("alike", {"unmasked": 1.0, "masked": -1.0}),
        ("format_version", None),
    ],
)
def test_damaged_calibration_is_refused(key, value):
    record = json.loads(flat_calibration().to_json())
    with pytest.raises(BadRecord):
        Calibration.from_json(json.dumps(record | {key: value}))


def test_thresholds_of_all_pairs_are_needed():
    tables = {pair: flat_thresholds(0.5) for pair in PAIRS[:3]}
    nothing = dict.fromkeys(STATES, 0.0)
    with pytest.raises(BadRecord, match="unmasked-masked"):
        Calibration(tables, nothing, {}, nothing, 1, "drawn")


def test_a_calibration_of_a_newer_version_is_refused():
    record = json.loads(flat_calibration().to_json()) | {"format_version": 4}
    with pytest.raises(BadRecord, match="version 4, expected 3; update the program"):
        Calibration.from_json(json.dumps(record))


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
    record = json.loads(SHIPPED_FILE.read_text())
    path = tmp_path / "calibrations.json"
    path.write_text(json.dumps(record | change))
    with pytest.raises(BadRecord, match="damaged"):
        read_calibrations(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"calibrations.json: the calibrations that"):
        read_calibrations(tmp_path / "calibrations.json")


def s(x):
    return 1 / (1 + math.exp(-x))


def test_probability_is_that_of_one_of_two_times_which_of_them():
    model = MatchProbability(offset=-1.0, score=2.0, gap=0.5)
    # 15 and -5 are 1.5 and -0.5 tens: s(-1 + 2 * 1.5) * s(0.5 * 2).
    assert model.of(15, -5) == pytest.approx(s(2) * s(1))
    assert model.of(0, -20) == pytest.approx(s(-1) * s(1))
    assert model.of(-5000, -5001) == pytest.approx(0.0)
    # Without a second person it is the first or nobody.
    assert model.of(15) == pytest.approx(s(2))


def test_the_same_score_says_less_in_a_larger_gallery():
    model = MatchProbability(1.0, 2.0, 0.5, size=-0.5)
    # A thousand are two tens more than ten: s(1 + 2 * 1 - 0.5 * 2).
    assert model.of(10, None, 1000) == pytest.approx(s(2))
    assert model.of(10, None, 10) == model.of(10, None, 3) == pytest.approx(s(3))


def test_where_impostors_come_nearer_by_20_the_same_chance_moves_by_10():
    model = MatchProbability(-1.0, 2.0, 0.5)
    # Scores were lowered by 20: what was 10 is -10, and 0 is what 10 was.
    assert model.stricter(20).of(0, -15) == pytest.approx(model.of(10, -5))
    assert model.stricter(0) == model


def test_of_two_alike_neither_name_is_likelier_than_a_half():
    assert MatchProbability(50.0, 5.0, 3.0).of(30, 30) == pytest.approx(0.5)
    assert MatchProbability(0.0, 1.0, 0.0).of(30) == pytest.approx(s(3) / 2)


def test_a_higher_score_is_never_less_likely_nor_a_nearer_second_likelier():
    model = MatchProbability(0.3, 1.5, 0.7)
    values = [model.of(score, -30) for score in np.linspace(-20, 20, 21)]
    assert values == sorted(values)
    assert len(set(values)) == len(values)
    values = [model.of(10, second) for second in np.linspace(-20, 10, 21)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("wrong", [(0.0, -1.0, 0.0), (0.0, 1.0, -0.1), (np.nan, 1, 1)])
def test_senseless_weights_are_refused(wrong):
    with pytest.raises(BadRecord):
        MatchProbability(*wrong)


def drawn(rng, count):
    first = rng.uniform(-30, 30, count)
    second = first - rng.uniform(0, 40, count)
    sizes = rng.choice([10, 100, 1000], count)
    either = -0.5 + 0.2 * first - 0.7 * np.log10(sizes / 10)
    right = 1 / (1 + np.exp(-either)) / (1 + np.exp(-0.08 * (first - second)))
    return first, second, rng.random(count) < right, sizes


def test_the_fit_finds_the_weights_that_drew_the_matches():
    rng = np.random.default_rng(0)
    first, second, right, sizes = drawn(rng, 20_000)
    model = fit_probability(first, second, right, np.ones(20_000), sizes)
    assert model.offset == pytest.approx(-0.5, abs=0.15)
    assert model.score == pytest.approx(2.0, abs=0.15)
    assert model.gap == pytest.approx(0.8, abs=0.1)
    assert model.size == pytest.approx(-0.7, abs=0.1)
    first, second, right, sizes = drawn(rng, 20_000)
    rows = zip(first, second, sizes, strict=True)
    values = np.array([model.of(*row) for row in rows])
    assert calibration_error(values, right, np.ones(20_000)) < 0.015


def test_calibration_error_by_hand():
    # Two bins of two: |0.25 - 0.5| and |0.75 - 1| with weights 1/4 and 3/4.
    probability = np.array([0.25, 0.25, 0.75, 0.75])
    right = np.array([True, False, True, True])
    weights = np.array([1.0, 1.0, 3.0, 3.0])
    assert calibration_error(probability, right, weights, 2) == pytest.approx(0.25)
    assert calibration_error(np.array([0.0, 1.0]), right[[1, 2]], np.ones(2)) == 0
    # A probability of 1 is in the last bin: |0.25 - 1| of two.
    ends = calibration_error(np.array([0.75, 1.0]), right[:2], np.ones(2), 2)
    assert ends == pytest.approx(0.375)


def test_few_faces_make_an_error_by_chance():
    # One face of 1/2 is off by a half, right or wrong; one of 1 by nothing.
    one, faces = np.zeros(1, np.int32), np.arange(10_000, dtype=np.int32)
    assert calibration_error_by_chance(np.array([0.5]), np.ones(1), one) == 0.5
    assert calibration_error_by_chance(np.array([1.0]), np.ones(1), one) == 0
    many = calibration_error_by_chance(np.full(10_000, 0.5), np.ones(10_000), faces)
    # E|x| of a normal distribution of .5 / 100: .8 times as much.
    assert many == pytest.approx(0.004, abs=0.001)
    # A hundred faces, each in a hundred galleries: of .5 / 10.
    few = calibration_error_by_chance(
        np.full(10_000, 0.5), np.ones(10_000), faces % 100
    )
    assert few == pytest.approx(0.04, abs=0.005)


def test_weights_stand_for_so_many_probes():
    rng = np.random.default_rng(0)
    first, second, right, sizes = drawn(rng, 2000)
    twice = fit_probability(first, second, right, np.where(right, 2.0, 1.0), sizes)
    rows = np.r_[np.arange(2000), np.flatnonzero(right)]
    copied = fit_probability(
        first[rows], second[rows], right[rows], np.ones(len(rows)), sizes[rows]
    )
    assert twice.offset == pytest.approx(copied.offset, abs=0.02)
    assert twice.score == pytest.approx(copied.score, abs=0.02)


def test_few_matches_are_fitted_with_hardly_any_ridge():
    # One of four is right at 0, three of four ten higher: odds of 1/3 and 3.
    first = np.repeat([0.0, 10.0], 4)
    right = np.array([True, False, False, False, True, True, True, False])
    alone = np.full(8, -np.inf)
    model = fit_probability(first, alone, right, np.ones(8), np.full(8, 10))
    assert model.offset == pytest.approx(math.log(1 / 3), abs=0.01)
    assert model.score == pytest.approx(math.log(9), abs=0.01)
    # Only the ratios of the weights matter.
    small = fit_probability(first, alone, right, np.full(8, 1e-3), np.full(8, 10))
    assert small.score == pytest.approx(model.score, abs=1e-6)


def test_a_gap_that_misleads_is_left_out():
    rng = np.random.default_rng(0)
    first = rng.uniform(-30, 30, 4000)
    gap = rng.uniform(0, 40, 4000)
    # A far second person makes it less likely.
    right = rng.random(4000) < 1 / (1 + np.exp(-0.2 * first + 0.1 * gap))
    tens = np.full(4000, 10)
    model = fit_probability(first, first - gap, right, np.ones(4000), tens)
    assert model.of(10, 5) == pytest.approx(model.of(10), abs=0.01)
    assert model.score > 1


def test_all_right_says_nothing():
    with pytest.raises(ValueError, match="right and wrong"):
        one, right, sizes = np.ones(5), np.ones(5, bool), np.ones(5, int)
        fit_probability(one, one, right, one, sizes)
