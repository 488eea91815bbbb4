"""Choices and ranges of settings are checked as their fields say."""

from dataclasses import dataclass
from typing import Literal

import pytest

from masking.errors import InvalidConfig
from masking.settings import Settings, setting


@dataclass(frozen=True)
class Example(Settings):
    count: int = setting(1, "Counted.", at_least=1, at_most=9)
    learning_rate: float = setting(0.5, "Open.", above=0, below=1)
    weight: float = setting(0.0, "No upper end.", at_least=0)
    kind: Literal["round", "square"] = setting("round", "Chosen.", recorded=False)
    name: str = setting("", "Any text.")


@pytest.mark.parametrize(
    "right",
    [
        {"count": 1},
        {"count": 9},
        {"learning_rate": 1e-9},
        {"learning_rate": 0.999999999},
        {"weight": 0.0},
        {"weight": 1e12},
        {"kind": "square"},
        {"name": "anything"},
    ],
)
def test_values_in_range_are_taken(right):
    ((name, value),) = right.items()
    assert getattr(Example(**right), name) == value


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "count must be at least 1 and at most 9, got 0"),
        ({"count": 10}, "count must be at least 1 and at most 9, got 10"),
        ({"learning_rate": 0.0}, "learning-rate must be above 0 and below 1, got 0.0"),
        ({"learning_rate": 1.0}, "learning-rate must be above 0 and below 1, got 1.0"),
        ({"learning_rate": float("nan")}, "must be above 0 and below 1, got nan"),
        ({"weight": float("inf")}, "weight must be at least 0 and at most 1e+12, got"),
        ({"weight": float("nan")}, "weight must be at least 0 and at most 1e+12, got"),
        ({"kind": "oval"}, "kind must be one of round, square, got 'oval'"),
    ],
)
def test_other_values_are_refused_in_one_sentence(wrong, message):
    with pytest.raises(InvalidConfig) as raised:
        Example(**wrong)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_record_holds_what_decides_the_result():
    assert Example(count=3).recorded() == {
        "count": 3,
        "learning_rate": 0.5,
        "weight": 0.0,
        "name": "",
    }
