"""The page of quick results says what was measured."""

import json
import shutil

from benchmarks.quick_results import FIGURES, PAGE, page, shown, told_apart
from masking.datasets.sample import sample_people


def test_page_and_figures_agree():
    assert PAGE.read_text() == page(json.loads(FIGURES.read_text()))


def test_nothing_on_the_page_fell_below_what_an_installation_must_reach():
    figures = json.loads(FIGURES.read_text())
    assert figures["people"] == len(list(sample_people().iterdir()))
    assert figures["found_masked"] > 0.98
    assert figures["told_masked"] > 0.9 and figures["told_unmasked"] > 0.9
    dlib, ours = figures["embedders"].values()
    assert ours["M-U"] > dlib["M-U"]


def test_fractions_are_shown_as_on_other_pages():
    assert [shown(0.9871), shown(1), shown(0.0)] == [".987", "1", ".000"]


def test_mask_states_are_judged_without_and_with_a_mask(tmp_path):
    for person in sorted(sample_people().iterdir())[:3]:
        (tmp_path / person.name).mkdir()
        shutil.copy(person / "1.jpg", tmp_path / person.name)
    told = told_apart(tmp_path)
    assert told["told_unmasked"] >= 0.66
    assert told["told_masked"] >= 0.66
