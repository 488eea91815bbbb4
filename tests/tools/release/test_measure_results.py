"""What `make results` runs, and what it keeps."""

import json
import shlex
import shutil
import sys

from click.testing import CliRunner

from tools.release import measure_results, result_figures, results_page
from tools.release.measure_results import PAGE, commands_of, main, smaller, with_data

FIRST = {("U-U", "ours"): {"AUC": 0.5}}
TEXT = """A table.

```sh
python -m benchmarks.recognition.open_set --photos data/lfw \\
    --names data/people.txt --sizes 10,100
```

and `python no.py`

```sh
python cli.py evaluate data/lfw --people data/people.txt   # hours
OMP_NUM_THREADS=1 python -m benchmarks.speed.search_speed --people 1000,1000000
```
"""


def test_commands_stand_in_blocks_of_code():
    first, *others = commands_of(TEXT)
    assert shlex.join(first).endswith("--names data/people.txt --sizes 10,100")
    assert [words[-1] for words in others] == ["data/people.txt", "1000,1000000"]


def test_another_folder_takes_the_place_of_data(tmp_path):
    words = with_data(
        ["--photos", "data/lfw", "data", "my-data/x", "database"], tmp_path
    )
    lfw = f"{tmp_path}/lfw"
    assert words == ["--photos", lfw, str(tmp_path), "my-data/x", "database"]


def test_a_small_command_asks_for_little():
    opened, evaluated, searched = map(smaller, commands_of(TEXT))
    assert opened[-6:] == ["--sizes", "3", "--people", "4", "--galleries", "1"]
    assert evaluated[-2:] == ["--people", "data/people.txt"]
    assert searched[-1] == "1000"


def test_a_command_that_fails_is_named_and_stops_no_other(tmp_path, monkeypatch):
    page, out = tmp_path / "page.md", tmp_path / "out" / "results.json"
    page.write_text(
        "```sh\npython -c 'raise SystemExit(\"no photos\")'\n"
        "WORD=seen python -c 'import os; print(os.environ[\"WORD\"])'\n"
        "python -c 'raise SystemExit(\"not asked for\")'\n```\n"
    )
    monkeypatch.setattr(measure_results, "PAGE", page)
    out.parent.mkdir()
    asked = ["--data", str(tmp_path), "--out", str(out), "--small"]
    asked += ["--only", "no photos", "--only", "WORD"]
    answer = CliRunner().invoke(main, asked)
    assert answer.exit_code == 1
    assert "no photos" in answer.output
    record = json.loads(out.read_text())
    bad, good = record["commands"]
    assert (bad["exit"], bad["messages"].strip()) == (1, "no photos")
    assert (good["exit"], good["output"]) == (0, "seen\n")
    assert record["machine"].lower().startswith(sys.platform[:5])


def test_what_a_command_printed_goes_into_its_tables(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("<!-- table: closed-set -->\n<!-- end -->\n")
    shutil.copy(results_page.FIGURES, tmp_path / "page.json")
    monkeypatch.setattr(results_page, "PAGE", page)
    monkeypatch.setattr(results_page, "FIGURES", tmp_path / "page.json")
    command = "python cli.py evaluate data/mfr2-a --model shipped"
    ranks = {"probes": 86, "rank1": {"value": 0.25}, "tpir": {"value": 0.125}}
    compared = {"name": "shipped, masked reference", "sets": {}, "ranks": ranks}
    seen = {"faces": 9, "detectors": {"yunet": 9}}
    report = {"collection": "mfr2-a", "embedders": [compared], "by_property": {}}
    report |= {"unmasked": seen, "masked": seen}
    monkeypatch.setitem(result_figures.TAKEN, "mfr2-verification", lambda _: FIRST)
    taken = measure_results.put_in_tables(command, json.dumps(report))
    assert taken == ["found", "mfr2-verification", "closed-set"]
    lines = page.read_text().splitlines()
    assert [line.split(" | ")[-1] for line in lines if "MFR2" in line] == [
        ".250 |",
        ".125 |",
    ]
    kept = json.loads((tmp_path / "page.json").read_text())["tables"]
    assert "search" in kept


def test_all_commands_of_the_page_are_of_this_project():
    commands = commands_of(PAGE.read_text())
    assert len(commands) > 10
    for words in commands:
        program = [word for word in words if "=" not in word or word.startswith("-")]
        assert program[0] == "python"
