"""What commands print is one line of plain text, whatever names hold."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.commands.terminal.printing import OneLine, say, say_json, say_lines
from masking.files.text import shown
from masking.files.writing import strict_json

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("J\u00f6rg \u5f20 \u200d\U0001f600", "J\u00f6rg \u5f20 \u200d\U0001f600"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m"),
        ("tab\there\u2028", r"tab\there\u2028"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("J\udcff.jpg", r"J\udcff.jpg"),
    ],
)
def test_control_characters_are_shown_and_do_nothing(text, line):
    assert shown(text) == line


def test_lines_fields_and_warnings_are_escaped(capsys):
    say("a\nb", "c\td")
    say_lines(["one", "t\x1bwo"])
    say("wrong\n", err=True)
    out, err = capsys.readouterr()
    assert out == "a\\nb\tc\\td\none\nt\\x1bwo\n"
    assert err == "wrong\\n\n"
    record = logging.LogRecord("x", logging.WARNING, "", 1, "%s", ("a\nb",), None)
    assert OneLine().format(record) == r"WARNING: a\nb"


def test_json_has_no_word_for_nan(capsys):
    figures = {"a": float("nan"), "b": [1.5, float("inf")], "c": (-float("inf"), True)}
    wanted = '{"a": null, "b": [1.5, null], "c": [null, true]}'
    assert strict_json(figures) == wanted
    say_json(figures | {"name": "J\udcff"})
    printed = capsys.readouterr().out
    assert printed == wanted[:-1] + ', "name": "J\\udcff"}\n'
    assert json.loads(printed)["a"] is None


PROGRAM = """
import sys
import click
from index.commands.terminal.options import ToolkitGroup
from index.commands.terminal.printing import say
from masking.errors import ToolkitError

@click.group(cls=ToolkitGroup)
def main():
    pass

@main.command()
def work():
    with open(sys.argv[2], "wb") as file:
        assert file.fileno() > 2, file.fileno()
        say("J\\u00f6rg\\udcff")
        say("note", err=True)
        data = sys.stdin.buffer.read()
    raise ToolkitError(f"got {len(data)} bytes for {chr(246)}")

@main.command()
def much():
    for number in range(100000):
        say(number)

main(args=[sys.argv[1]])
"""


def run(shell, tmp_path, command="work", **environment):
    return subprocess.run(
        ["sh", "-c", shell, sys.executable, PROGRAM, command, tmp_path / "file"],
        cwd=ROOT,
        capture_output=True,
        env=os.environ | environment,
    )


CALL = '"$0" -c "$1" "$2" "$3"'


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(tmp_path, closed):
    done = run(f"{CALL} {closed}", tmp_path)
    assert done.returncode == 2
    wanted = "J\u00f6rg\\udcff\n".encode()
    assert done.stdout == (b"" if ">&-" in closed.split() else wanted)
    heard = b"" if "2>&-" in closed else b"note\nerror: got 0 bytes for \xc3\xb6\n"
    assert done.stderr == heard
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("name", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_cannot_say_is_escaped(tmp_path, name):
    done = run(CALL, tmp_path, PYTHONIOENCODING=name)
    assert done.returncode == 2
    wanted = "J\u00f6rg\\udcff\n".encode(name, "backslashreplace")
    assert done.stdout == wanted
    assert b"Traceback" not in done.stderr


def test_an_output_that_is_no_longer_read_ends_as_by_sigpipe(tmp_path):
    code = tmp_path / "code"
    shell = f"({CALL}; echo $? > {code}) | head -1"
    done = run(shell, tmp_path, "much")
    assert (done.stdout, done.stderr) == (b"0\n", b"")
    # 128 + 13, the number of SIGPIPE.
    assert code.read_text() == "141\n"
