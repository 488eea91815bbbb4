"""What a calibration says, and that stored ones of any age are read."""

import json
import math
from dataclasses import asdict

import pytest

from index.calibration.calibration import PAIRS, Calibration
from index.calibration.probabilities import MatchProbability
from masking.errors import BadRecord
from tests.fakes.drawn_calibrations import flat_calibration, flat_thresholds

OLD = {"far": [1e-3, 1e-2], "distance": [0.5, 0.6], "pairs": 10_000, "source": "drawn"}


def test_each_pair_of_mask_states_has_its_threshold():
    calibration = flat_calibration(0.5, unmasked_masked=0.4, masked_unmasked=0.6)
    assert calibration.threshold(10, masked_probe=False) == 0.5
    assert calibration.threshold(10, masked_probe=False, masked_template=True) == 0.4
    assert calibration.threshold(10, masked_probe=True) == 0.6
    assert calibration.threshold(10, masked_probe=True, masked_template=True) == 0.5


def test_calibration_survives_json():
    models = {"unmasked": MatchProbability(0.1, 2.0, 0.0)}
    calibration = flat_calibration(0.5, models, spread=0.1, masked_masked=0.3)
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_a_calibration_of_the_first_format_is_upgraded():
    calibration = Calibration.from_json(json.dumps(OLD))
    assert calibration.probability == {}
    assert calibration.spread == {"unmasked": 0.0, "masked": 0.0}
    assert calibration.source == "drawn (10000 pairs)"
    # One template: FAR = FPIR. 100 of them need FAR = 1 - 0.99 ** 0.01, below the
    # tail, where the distance falls by 0.1 a decade.
    assert calibration.threshold(1, 0.01) == pytest.approx(0.6)
    wanted = 0.5 + 0.1 * (math.log10(1 - 0.99**0.01) + 3)
    for masked in (False, True):
        found = calibration.threshold(100, 0.01, masked, masked)
        assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"far": [1e-3]},
        {"far": [1e-2, 1e-3]},
        {"distance": [0.6, 0.5]},
        {"distance": None},
        {"pairs": "many"},
    ],
)
def test_damaged_calibration_of_the_first_format_is_refused(change):
    with pytest.raises(BadRecord, match="damaged"):
        Calibration.from_json(json.dumps(OLD | change))


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"format_version": 2}'])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(BadRecord, match="damaged"):
        Calibration.from_json(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("thresholds", {"unmasked-unmasked": asdict(flat_thresholds(0.5))}),
        ("probability", {"unmasked": {"offset": 0, "closeness": -1, "margin": 0}}),
        ("probability", {"striped": {"offset": 0, "closeness": 1, "margin": 0}}),
        ("spread", {"unmasked": 0.1}),
        ("spread", {"unmasked": 0.1, "masked": float("nan")}),
        ("spread", {"unmasked": 0.1, "masked": 1.0}),
        ("format_version", 4),
    ],
)
def test_damaged_calibration_is_refused(key, value):
    record = json.loads(flat_calibration().to_json())
    with pytest.raises(BadRecord):
        Calibration.from_json(json.dumps(record | {key: value}))


def test_thresholds_of_all_pairs_are_needed():
    tables = {pair: flat_thresholds(0.5) for pair in PAIRS[:3]}
    with pytest.raises(BadRecord, match="unmasked-masked"):
        Calibration(tables, {"unmasked": 0.0, "masked": 0.0}, {}, 1, "drawn")


def test_thresholds_of_the_third_format_are_read_without_its_second_kind():
    wanted = flat_calibration(0.5)
    record = json.loads(wanted.to_json()) | {"format_version": 3}
    record["relative"] = {"thresholds": {}, "probability": {}}
    assert Calibration.from_json(json.dumps(record)) == wanted
