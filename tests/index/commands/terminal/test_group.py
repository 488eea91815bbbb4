import errno
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
from index.commands.terminal.group import ToolkitGroup, ended_like_ctrl_c
from masking.errors import ToolkitError

CLI = Path(cli.__file__)
ROOT = Path(cli.__file__).parent
ENDS = [signal.SIGTERM, signal.SIGHUP]
# A command with a temporary folder; it says when it can be ended.
COMMAND = """
import sys, time
from tempfile import TemporaryDirectory
import click
from index.commands.terminal.group import ToolkitGroup
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
