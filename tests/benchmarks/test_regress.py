"""What counts as slower, and what is compared with what."""

import json

from click.testing import CliRunner

from benchmarks import regress


def test_a_fall_by_more_than_a_fifth_is_told():
    before = {"masks": 0.5, "search": 2.0, "gone": 1.0}
    assert regress.fallen({"masks": 0.4, "search": 9.0, "gone": 1.0}, before) == []
    told = regress.fallen({"masks": 0.39, "search": 1.5}, before)
    assert told == [
        "masks: 0.39, was 0.5 (78%).",
        "search: 1.5, was 2 (75%).",
        "gone: 0, was 1 (0%).",
    ]


def test_the_machine_is_told_by_its_processor(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Fast 9000\nmodel name\t: other\n")
    assert regress.machine_kind(info).endswith(", Fast 9000")
    info.write_text(
        "cpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Fast\nstepping\t: 7\n"
    )
    assert regress.machine_kind(info).endswith(", Fast 6.85.7")
    assert "Fast" not in regress.machine_kind(tmp_path / "missing")


def test_figures_are_kept_and_compared_by_machine(tmp_path, monkeypatch):
    kept = tmp_path / "kept.json"
    monkeypatch.setattr(regress, "KEPT", kept)
    monkeypatch.setattr(regress, "machine_kind", lambda: "A")
    monkeypatch.setattr(regress, "measure", lambda: {"masks": 0.5})
    run = CliRunner().invoke
    refused = run(regress.main, [])
    assert refused.exit_code == 1
    assert "no figures of A, only of none" in refused.output
    assert run(regress.main, ["--write"]).exit_code == 0
    assert json.loads(kept.read_text()) == {"A": {"masks": 0.5}}
    assert run(regress.main, []).exit_code == 0
    monkeypatch.setattr(regress, "measure", lambda: {"masks": 0.3})
    slower = run(regress.main, [])
    assert slower.exit_code == 1
    assert "slower than before: masks: 0.3, was 0.5 (60%)." in slower.output
