"""What a calibration says, and which stored ones are refused."""

import json
from dataclasses import asdict

import pytest

from index.calibration.calibration import PAIRS, STATES, Calibration
from index.calibration.probabilities import MatchProbability
from masking.errors import BadRecord
from tests.fakes.drawn_calibrations import flat_calibration, flat_thresholds


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
