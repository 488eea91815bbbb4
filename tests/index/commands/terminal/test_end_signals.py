"""SIGTERM and SIGHUP end a command like Ctrl-C, and its files are cleaned up."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import cli
from index.commands.terminal.end_signals import ended_like_ctrl_c

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


def start(folder, *before):
    command = [*before, sys.executable, "-c", COMMAND, "work", str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
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
    before = signal.getsignal(number)
    cleaned = False
    with ended_like_ctrl_c():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            signal.pause()
        for again in ENDS:
            os.kill(os.getpid(), again)
        cleaned = True
    assert cleaned
    assert signal.getsignal(number) == before


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
