"""Unfinished files of killed processes go, living ones' stay; private folders."""

from __future__ import annotations

import json
import os
import signal
import stat
from threading import Thread

import pytest

from masking.files import writing
from masking.files.writing import (
    append_records,
    folder_locked,
    forget_records,
    private_folder,
    replaced_file,
    sweep_unfinished,
    write_bytes,
)


def killed(work):
    """Run `work`, which kills its process, in a child."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_file_of_a_killed_process_is_swept(tmp_path):
    def die():
        with replaced_file(tmp_path / "deep" / "card.png") as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die)
    (left,) = (tmp_path / "deep").iterdir()
    assert left.read_bytes() == b"half"
    (tmp_path / "other").write_bytes(b"stays")
    assert sweep_unfinished(tmp_path) == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["deep", "other"]


def test_file_that_is_being_written_stays(tmp_path):
    with replaced_file(tmp_path / "card.png") as file:
        file.write(b"whole")
        assert sweep_unfinished(tmp_path) == 0
    assert (tmp_path / "card.png").read_bytes() == b"whole"
    assert len(list(tmp_path.iterdir())) == 1


def test_link_is_not_followed(tmp_path):
    write_bytes(tmp_path / "a" / "photo.jpg", b"photo")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".writing-0").symlink_to(tmp_path / "a" / "photo.jpg")
    assert sweep_unfinished(tmp_path / "b") == 0
    assert (tmp_path / "a" / "photo.jpg").read_bytes() == b"photo"


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_folder_is_shared_or_held_alone(tmp_path, first, second, held):
    with folder_locked(tmp_path, 0, shared=first) as one:
        assert one
        with folder_locked(tmp_path, 0.1, shared=second) as other:
            assert other is held
    with folder_locked(tmp_path, 0) as free:
        assert free


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_made_folders_are_private_and_others_keep_their_mode(tmp_path):
    tmp_path.chmod(0o755)
    assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert [mode(tmp_path / name) for name in ("", "a", "a/b")] == [0o755, 0o700, 0o700]
    (tmp_path / "a").chmod(0o750)
    private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == 0o750


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_older_half_goes_when_the_file_is_too_large(tmp_path, monkeypatch):
    path = tmp_path / "identified" / "answers.jsonl"
    monkeypatch.setattr(writing, "MOST_BYTES_OF_RECORDS", 100)
    # 10 bytes a line: {"n": 10}\n. The eleventh makes it 110.
    for number in range(10, 20):
        append_records(path, [json.dumps({"n": number})])
    assert len(lines(path)) == 10
    append_records(path, [json.dumps({"n": 20})])
    # Of the last 50 bytes the first line is taken for a half one.
    assert [record["n"] for record in lines(path)] == [17, 18, 19, 20]
    assert [p.name for p in path.parent.iterdir()] == ["answers.jsonl"]


def test_forgotten_answers_and_half_lines_go(tmp_path):
    path = tmp_path / "answers.jsonl"
    append_records(path, ['{"name": "A"}', '{"name": "B"}', "[1]"])
    with path.open("a") as file:
        file.write('{"name": "A", "ca')
    kept = forget_records(path, lambda record: record["name"] == "A")
    assert kept == lines(path) == [{"name": "B"}]
    assert forget_records(tmp_path / "none.jsonl", lambda record: True) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_answer_that_waited_for_a_rewriting_is_not_lost(tmp_path):
    path = tmp_path / "answers.jsonl"
    append_records(path, ['{"n": 1}'])
    old = path.stat().st_ino
    waiting = Thread(target=append_records, args=(path, ['{"n": 2}']))

    def keep(record):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive(), "it does not write into a file that goes"
        return False

    forget_records(path, keep)
    waiting.join()
    assert path.stat().st_ino != old
    assert lines(path) == [{"n": 1}, {"n": 2}]
