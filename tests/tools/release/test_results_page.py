"""The tables of the page of results are those of its JSON, and commands fill them."""

import json
import subprocess
from collections import defaultdict
from typing import Any

import pytest

from tools.release import results_page
from tools.release.result_figures import (
    TAKEN,
    closed_set,
    crowd,
    detection,
    five_points,
    found,
    identify_speed,
    lost,
    masks,
    masks_beside_real,
    old_galleries,
    open_set,
    other_photos,
    people,
    search,
    templates,
    training_speed,
    verification,
)
from tools.release.results_page import Table, page_with, read_tables, shown

RATE = {"value": 0.5, "low": 0.25, "high": 0.75}


def small_table(**changed):
    record: dict[str, Any] = {
        "measured": "2026-01-02",
        "commit": "",
        "command": [],
        "labels": 2,
        "columns": ["pairs", "network", "TAR", "AUC"],
        "rows": [["U-U", "dlib", 0.5, 0.9], ["U-U", "ours", [0.75, 0.5, 1.0], 0.95]],
    }
    return Table(**(record | changed))


@pytest.mark.parametrize(
    ("cell", "decimals", "text"),
    [
        (0.984, 3, ".984"),
        ([0.984, 0.974, 1.0], 3, ".984 [.974 1.000]"),
        (0.0, 3, "0"),
        (-0.08, 2, "-.08"),
        (2493, 3, "2,493"),
        (None, 3, ""),
        (".69", 3, ".69"),
        ("", 3, ""),
        (2371.4, -1, "2,371"),
        (2.04, -1, "2.0"),
        (0.071, -1, ".07"),
    ],
)
def test_a_cell_is_shown_as_the_page_has_it(cell, decimals, text):
    assert shown(cell, decimals) == text


def test_the_best_of_rows_that_say_the_same_is_bold():
    table = small_table(best=["TAR"], decimals={"AUC": 4})
    assert table.text().splitlines() == [
        "| pairs | network | TAR | AUC |",
        "| --- | --- | --- | --- |",
        "| U-U | dlib | .500 | .9000 |",
        "| U-U | ours | **.750** [.500 1.000] | .9500 |",
    ]


def test_the_best_of_a_row_is_bold_unless_two_are():
    rows = [["a", "b", 0.5, 0.75], ["a", "c", 0.5, 0.5], ["a", "d", 100, 0.5]]
    lines = small_table(best=["row"], rows=rows).text().splitlines()[2:]
    assert lines == [
        "| a | b | .500 | **.750** |",
        "| a | c | .500 | .500 |",
        "| a | d | 100 | .500 |",
    ]


def test_a_figure_goes_into_its_cell_and_no_other():
    table = small_table()
    taken = table.take({("U-U", "ours"): {"TAR": 1 / 3, "EER": 1.0}, ("x", "y"): {}})
    assert taken == 1
    assert table.rows == [["U-U", "dlib", 0.5, 0.9], ["U-U", "ours", 0.333, 0.95]]
    with pytest.raises(ValueError, match="none of"):
        table.take({("M-U", "ours"): {"TAR": 0.5}})


def test_only_what_lies_between_the_comments_is_written():
    page = "Before.\n\n<!-- table: a -->\nold\n<!-- end -->\n\nAfter.\n"
    written = page_with(page, {"a": small_table()})
    assert written.startswith("Before.\n\n<!-- table: a -->\n\n| pairs |")
    assert written.endswith("Measured on 2026-01-02.\n\n<!-- end -->\n\nAfter.\n")
    assert "old" not in written
    assert page_with(written, {"a": small_table()}) == written
    with pytest.raises(KeyError):
        page_with(page, {})


def report_of(network):
    """What `evaluate` says of one network, as it is and by masked references."""
    pairs = {
        "tar": [RATE, {"value": 0.125, "low": None, "high": None}],
        "auc": {"value": 0.9, "low": 0.8, "high": 1.0},
        "pair_accuracy": {"value": 0.8},
        "far_at_plain": [{"value": 0.01}],
    }
    ranks = {"probes": 86, "rank1": RATE, "tpir": RATE}
    one = {"name": network, "sets": {"U-U": pairs, "M-U": pairs}, "ranks": ranks}
    other = {"name": f"{network}, masked reference", "sets": {"M-U": pairs}}
    bins = [{"name": "below_10", "faces": 7, "mu": RATE}]
    return {
        "collection": "mfr2-a",
        "embedders": [one, other | {"ranks": ranks}],
        "by_property": {"pose": bins},
        "unmasked": {"faces": 48, "detectors": {"yunet": 48}},
        "masked": {"faces": 86, "detectors": {"": 1, "yunet": 85}},
    }


def test_an_evaluation_fills_five_tables():
    report = report_of("shipped")
    compared = verification(report)
    assert list(compared) == [("U-U", "ours"), ("M-U", "ours"), ("M-C", "ours")]
    assert compared["M-C", "ours"] == {
        "TAR at FAR 1%": [0.5, 0.25, 0.75],
        "TAR at FAR 0.1%": 0.125,
        "AUC": 0.9,
        "pair accuracy": 0.8,
        "FAR at the U-U threshold for 1%": 0.01,
    }
    first = closed_set(report)["MFR2: rank-1",]
    assert first == {"ours, M-U": 0.5, "ours, M-C": 0.5, "probes": 86}
    assert lost(report) == {("pose", "below 10"): {"faces": 7, "M-C": 0.5}}
    assert found(report)["MFR2", "masked"] == {
        "faces": 86,
        "found": 85,
        "fraction": 85 / 86,
    }
    assert found(report)["MFR2", "unmasked"]["fraction"] == 1
    rows = people(report)
    assert rows["M-C: TAR at FAR 1%",] == {"ours": [0.5, 0.25, 0.75]}
    assert rows["M-C: AUC",] == {"ours": [0.9, 0.8, 1.0]}
    assert next(iter(verification(report_of("dlib")))) == ("U-U", "dlib")


def test_each_benchmark_fills_its_own():
    opened = {
        "gallery": 1000,
        "probes": "masked",
        "network": "shipped",
        **{"rank_1": 0.9, "tpir": 0.8, "fpir": 0.01, "calibration_error": 0.02},
    }
    cells = {"rank-1": 0.9, "TPIR": 0.8, "FPIR": 0.01, "ECE": 0.02}
    drawn = {"enroll": "unmasked", "each": 0}
    assert open_set([opened | drawn]) == {("1,000", "masked", "ours"): cells}
    (label,) = open_set([opened | {"enroll": "unmasked", "each": 5}])
    assert label[0] == "1,000 (five photos each)"
    check = {
        "probes": "masked",
        **{"fpir": RATE, "tpir": RATE, "not_found": 0.1},
        **{"calibration_error": 0.07, "error_by_chance": 0.05},
    }
    folder = {"folder": "/photos/rmfrd-kept-out", "checks": [check]}
    checked = other_photos({"folders": [folder]})
    assert checked["RMFRD", "masked"]["faces not found"] == 0.1
    assert checked["RMFRD", "masked"]["ECE"] == 0.07
    assert checked["RMFRD", "masked"]["ECE by chance"] == 0.05
    line = {"name": "LFW masked", "found": 3, "of": 4, "ms": 8.0, "stock_ms": 4.0}
    seen = {"found": 3, "of": 4, "fraction": 0.75, "CPU ms": 8.0, "beside dlib's": 2.0}
    note = {"note": "1 other"}
    assert detection([line | note]) == {("LFW masked",): seen | note}
    star = opened | {"probes": "masked stars", "network": "dlib"}
    cells = {"gallery": 1000, "rank-1": 0.9, "TPIR": 0.8, "FPIR": 0.01}
    assert crowd([star]) == {("masked", "dlib"): cells}
    curve = {"rejected": [0.0, 0.1], "fnmr": {"size": [0.04, 0.02]}}
    assert templates(curve) == {("size",): {"0%": 0.04, "10%": 0.02}}
    ways = {
        way: dict.fromkeys(("U-U", "M-U", "M-C", "M-M"), value)
        for way, value in (("landmark model", 0.9), ("five points", 0.8))
    }
    aligned = five_points({"collection": "mfr2-a", "tar_1e3": ways})
    assert aligned["MFR2", "M-C"] == {"landmark model": 0.9, "five points": 0.8}
    assert len(aligned) == 4


def test_each_speed_fills_its_own():
    row = {"people": 1000, "way": "annoy", "recall": 0.9, "agrees": 1.0, "ms": 0.2}
    note = "8 trees, built in 1.5 s, search_k 3"
    searched = search({"search": [row | {"note": note}]})
    assert searched["1,000", "Annoy"]["built in, s"] == 1.5

    record = {
        **{"whole_ms": 50.0, "whole_theirs_ms": 100.0},
        **{"found_ours": 20, "found_theirs": 16},
        **{"cold": {"cpu_s": 1.5}, "cold_theirs": {"cpu_s": 1.0}},
    }
    both = "face_recognition's way"
    assert identify_speed(record) == {
        ("warm",): {"ours": 0.05, both: 0.1, "ours / theirs": 0.5},
        ("from the start of the process",): {
            **{"ours": 1.5, both: 1.0, "ours / theirs": 1.5},
        },
        ("photos found",): {"ours": 20, both: 16, "ours / theirs": 1.25},
    }
    job = {"name": "training", "compared_with": "bare", "images_per_second": 9.0}
    assert training_speed([job | {"ratio": 0.8}]) == {
        ("training",): {"compared with": "bare", "faces a second": 9.0, "ratio": 0.8}
    }


def test_every_label_that_a_benchmark_gives_has_a_row():
    tables = read_tables()

    def figures(**known):
        """Of a command, whatever is asked for."""
        return defaultdict(lambda: 0.5, known)

    interval = (-0.1, 0.1)
    drawn = figures(by_kind={}, sharpness=(0.1, 0.5, 0.9), over_harder=interval)
    record: dict[str, Any] = {"faces": {"ours": drawn}, "real": {"ours": drawn}}
    for name, take in (("masks", masks), ("masks-beside-real", masks_beside_real)):
        rows = {tables[name].label(row) for row in tables[name].rows}
        assert set(take(record)) <= rows, name
    old: list[dict[str, Any]] = [
        figures(masked=masked, gallery=gallery, probes=probes)
        for masked in (True, False)
        for gallery, probes in (("dlib", "dlib"), ("dlib", "x"), ("x", "x"))
    ]
    table = tables["old-galleries"]
    assert set(old_galleries(old)) == {table.label(row) for row in table.rows}


def test_every_table_of_the_json_can_be_taken():
    tables = read_tables()
    assert set(tables) == set(TAKEN)
    for table in tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert json.dumps(table.rows)


def test_only_what_is_measured_makes_a_commit_dirty(tmp_path, monkeypatch):
    page, code = tmp_path / "docs/background/results.md", tmp_path / "code.py"
    page.parent.mkdir(parents=True)
    for path in (page, code):
        path.write_text("before")
    someone = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*someone, "commit", "-qm", "First"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(results_page, "ROOT", tmp_path)
    commit = results_page.commit_now()
    assert len(commit) >= 7 and "dirty" not in commit
    page.write_text("after")
    assert results_page.commit_now() == commit
    code.write_text("after")
    assert results_page.commit_now() == f"{commit}-dirty"
