"""The attack finds what it looks for, and a small one finds nothing."""

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

import cli
from benchmarks.faults import workspaces
from benchmarks.faults.__main__ import main
from benchmarks.faults.damage import WAYS, odd_value
from benchmarks.faults.erasure import blob_traces, name_traces, traces_below
from benchmarks.faults.workspaces import RESULTS, Done, file_names, run


def test_every_end_of_a_command_is_told(tmp_path):
    assert run("gallery", "list", "--workspace", tmp_path).flaw == ""
    assert run("--help").flaw == ""
    assert "odd" in run("--help", code="raise ValueError('odd')").flaw
    killed = run("--help", code="import os; os.kill(os.getpid(), 9)")
    assert killed.flaw == "exit -9: no word"
    assert Done(2, "", "error: no.\n").flaw == ""
    assert Done(2, "", "error: no.\nerror: no.\n").flaw != ""


def test_damage_is_drawn_and_changes_the_file():
    data = b'{"a": 1, "b": {"c": "word"}}\n' * 9
    for way in (*WAYS, odd_value):
        drawn = [way(data, np.random.default_rng(seed)) for seed in (1, 1, 2)]
        assert drawn[0] == drawn[1] != drawn[2]
        assert data not in drawn
    lines = odd_value(data, np.random.default_rng(1)).splitlines()
    assert len(lines) == 9
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_traces_are_found_in_bytes_and_names(tmp_path):
    vector = np.arange(64, dtype=np.float32)
    traces = name_traces("Zoë Quill") | blob_traces({vector.tobytes()})
    written = {
        "plain": "a Zoë Quill".encode(),
        "escaped": b'{"name": "Zo\\u00eb Quill"}',
        "wide": "Zoë Quill".encode("utf-16-le"),
        "url": b"Zo%C3%AB%20Quill",
        "vector": b"x" + vector.tobytes(),
        "half": vector.astype(np.float16).tobytes(),
        "nothing": b"Zo Quill",
        "Zoë_Quill.txt": b"",
    }
    for name, data in written.items():
        (tmp_path / name).write_bytes(data)
    found = {file for file, _ in traces_below(tmp_path, traces)}
    assert found == written.keys() - {"nothing"}


def test_names_that_vary_are_alike(tmp_path):
    names = ("20261128T171225548751Z.sqlite", "embedder-0123456789ab.pt", ".new-x1")
    for name in names:
        (Path(tmp_path) / name).write_bytes(b"")
    assert file_names(tmp_path) == {"#.sqlite", "embedder-#.pt", ".new-x1"}


def test_a_killed_backup_loses_nobody(monkeypatch):
    # What is not attacked needs no process of its own: starting one takes seconds.
    def in_process(*words):
        done = CliRunner().invoke(cli.main, [str(word) for word in words])
        assert done.exit_code in RESULTS, done.output
        return Done(done.exit_code, done.stdout, done.stderr)

    monkeypatch.setattr(workspaces, "succeed", in_process)
    # This seed draws the backup, which takes a second.
    options = ["--files", "0", "--kills", "1", "--disks", "0", "--no-erasure"]
    done = CliRunner().invoke(main, [*options, "--seed", "12"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "damaged file: 0 of 0 trials found a fault",
        "killed command: 0 of 1 trials found a fault",
        "full disk: 0 of 0 trials found a fault",
        "erasure: 0 of 0 trials found a fault",
    ]
