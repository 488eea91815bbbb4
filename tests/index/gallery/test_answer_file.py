"""Answers are appended by many, stay few enough, and can be forgotten."""

import json
from threading import Thread

from index.gallery import answer_file
from index.gallery.answer_file import append_answers, forget_answers


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_older_half_goes_when_the_file_is_too_large(tmp_path, monkeypatch):
    path = tmp_path / "identified" / "answers.jsonl"
    monkeypatch.setattr(answer_file, "MAX_BYTES", 100)
    # 10 bytes a line: {"n": 10}\n. The eleventh makes it 110.
    for number in range(10, 20):
        append_answers(path, [json.dumps({"n": number})])
    assert len(lines(path)) == 10
    append_answers(path, [json.dumps({"n": 20})])
    # Of the last 50 bytes the first line is taken for a half one.
    assert [record["n"] for record in lines(path)] == [17, 18, 19, 20]
    assert [p.name for p in path.parent.iterdir()] == ["answers.jsonl"]


def test_forgotten_answers_and_half_lines_go(tmp_path):
    path = tmp_path / "answers.jsonl"
    append_answers(path, ['{"name": "A"}', '{"name": "B"}', "[1]"])
    with path.open("a") as file:
        file.write('{"name": "A", "ca')
    kept = forget_answers(path, lambda record: record["name"] == "A")
    assert kept == lines(path) == [{"name": "B"}]
    assert forget_answers(tmp_path / "none.jsonl", lambda record: True) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_answer_that_waited_for_a_rewriting_is_not_lost(tmp_path):
    path = tmp_path / "answers.jsonl"
    append_answers(path, ['{"n": 1}'])
    old = path.stat().st_ino
    waiting = Thread(target=append_answers, args=(path, ['{"n": 2}']))

    def keep(record):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive(), "it does not write into a file that goes"
        return False

    forget_answers(path, keep)
    waiting.join()
    assert path.stat().st_ino != old
    assert lines(path) == [{"n": 1}, {"n": 2}]
