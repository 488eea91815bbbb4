"""What commands print is one line of plain text, whatever names hold."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli
from index.commands.terminal.printing import (
    OneLine,
    ToolkitGroup,
    ended_like_ctrl_c,
    say,
    say_json,
    say_lines,
)
from masking.errors import ToolkitError
from masking.files.shown_text import shown
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
from index.commands.terminal.printing import ToolkitGroup
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


CLI = Path(cli.__file__)
ENDS = [signal.SIGTERM, signal.SIGHUP]
# A command with a temporary folder; it says when it can be ended.
COMMAND = """
import sys, time
from tempfile import TemporaryDirectory
import click
from index.commands.terminal.printing import ToolkitGroup
@click.group(cls=ToolkitGroup)
def main():
    pass
@main.command()
def work():
    with TemporaryDirectory(dir=sys.argv[2]):
        click.echo("ready")
        sys.stdout.flush()
        time.sleep(30)
main(["work"])
"""


def test_a_clone_that_is_not_installed_knows_its_version(tmp_path):
    done = subprocess.run(
        [sys.executable, CLI, "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("masked-faces 0.")


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "Make room"), (errno.EROFS, "choose another")]
)
def test_an_error_of_the_system_names_file_and_remedy(number, remedy):
    @click.group(cls=ToolkitGroup)
    def group():
        pass

    @group.command("fails")
    def fails():
        raise OSError(number, "It failed", "some/file")

    done = CliRunner().invoke(group, ["fails"])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: some/file: It failed. ")
    assert remedy in done.stderr
    assert done.stdout == ""


def test_an_error_is_one_line_whatever_a_name_holds():
    @click.group(cls=ToolkitGroup)
    def group():
        pass

    @group.command("fails")
    def fails():
        raise ToolkitError("two\nlines\x1b[1m: no such file.")

    done = CliRunner().invoke(group, ["fails"])
    assert done.exit_code == 2
    assert done.stderr == "error: two\\nlines\\x1b[1m: no such file.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["augment", ""],
        ["augment", "--workspace", ""],
        ["identify", ""],
        ["embed", "photos", "--out", ""],
    ],
)
def test_an_empty_path_is_not_taken_for_the_working_directory(
    arguments, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 2
    assert "the path is empty" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["identify", "rtsp://camera/1"],
        ["identify", "--video", "http://example.org/a.mp4"],
        ["identify", "a.jpg", "rtsp:/camera/1"],
        ["enroll", "Ann", "https://example.org/a.jpg"],
        ["enroll", "--folder", "s3://people"],
        ["evaluate", "http://example.org/lfw"],
        ["augment", "http://example.org/lfw"],
    ],
)
def test_network_addresses_are_refused_as_they_are_given(
    arguments, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 2
    wanted = f"error: {arguments[-1]}: network addresses are not read. Give files, or"
    assert done.stderr.startswith(wanted)
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_a_colon_that_exists_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "time:").mkdir()
    done = CliRunner().invoke(cli.main, ["augment", "time:/"])
    assert "time:: holds no image" in done.stderr


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_a_full_disk_is_one_line_even_for_help(argument):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, CLI, argument],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: No space left on device. Make room")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["enroll", "A", "a.jpg", "--consent", "a\udcff"],
        ["train", "--kinds", "\udcff"],
        # Annoy takes the path of its file as text.
        ["gallery", "verify", "--workspace", "w\udcff"],
    ],
)
def test_text_that_is_no_utf8_is_refused(arguments):
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 2
    assert f"{arguments[-1]!a} holds bytes that are no UTF-8." in done.stderr


def start(folder, *first):
    command = [*first, sys.executable, "-c", COMMAND, "work", str(folder)]
    pipe = subprocess.PIPE
    # Shells let what they start in the background ignore Ctrl-C, and nohup SIGHUP,
    # tests included.
    numbers = (signal.SIGINT, *ENDS)
    before = [signal.signal(one, signal.SIG_DFL) for one in numbers]
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True
        )
    finally:
        for one, handler in zip(numbers, before, strict=True):
            signal.signal(one, handler)
    assert process.stdout.readline() == "ready\n"
    assert len(list(folder.iterdir())) == 1
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDS])
def test_a_command_that_is_ended_cleans_up(number, tmp_path):
    process = start(tmp_path)
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told.startswith("interrupted: ") and "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_what_is_ignored_stays_ignored(tmp_path):
    process = start(tmp_path, "nohup")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    process.communicate(timeout=20)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ENDS)
def test_the_second_signal_does_not_interrupt_the_cleaning_up(number):
    cleaned = False
    # nohup lets its programs ignore one of them, tests included.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with ended_like_ctrl_c():
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
                signal.pause()
            for again in ENDS:
                os.kill(os.getpid(), again)
            cleaned = True
        assert cleaned
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_fork_ends_at_once_without_cleaning_up():
    with ended_like_ctrl_c():
        child = os.fork()
        if child == 0:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
            finally:
                os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM


def test_another_thread_changes_nothing():
    seen = []

    def run():
        with ended_like_ctrl_c():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
