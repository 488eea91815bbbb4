"""Options show and check the choices and ranges of the settings they come from."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import cli
from index.calibration.config import CalibrateConfig
from index.commands.terminal.options import (
    GROUPS,
    GroupedCommand,
    ToolkitGroup,
    complete_name,
    ended_like_ctrl_c,
    group_of,
)
from index.enrollment.config import EnrollConfig
from index.evaluation.config import EmbedConfig, EvaluateConfig
from index.identification.config import IdentifyConfig, VideoConfig
from masking.augment.config import AugmentConfig
from masking.errors import ToolkitError
from tests.fakes.chip_galleries import filled
from training.config import TrainConfig

COMMANDS = [
    ("augment", AugmentConfig),
    ("train", TrainConfig),
    ("enroll", EnrollConfig),
    ("identify", IdentifyConfig),
    ("identify", VideoConfig),
    ("calibrate", CalibrateConfig),
    ("evaluate", EvaluateConfig),
    ("embed", EmbedConfig),
]


@pytest.mark.parametrize(("command", "settings"), COMMANDS)
def test_every_number_has_a_lowest_value_that_its_option_shows(command, settings):
    options = {option.name: option for option in cli.main.commands[command].params}
    numbers = 0
    for item in fields(settings):
        if get_type_hints(settings)[item.name] in (int, float):
            numbers += 1
            kind = options[item.name].type
            assert isinstance(kind, click.IntRange | click.FloatRange), item.name
            assert kind.min is not None, item.name
    assert numbers


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("train", "--precision [auto|float32|bfloat16]"),
        ("train", "0<=x<1]"),  # of the EMA's decay
        ("train", "--epochs INTEGER "),
        ("augment", "--output [chip|photo|both]"),
        ("augment", "0<=x<=100]"),  # of the variants
        ("identify", "--engine [annoy|exact|milvus]"),
        ("identify", "0<x<1]"),  # of the FPIR
        ("evaluate", "--on-no-face [fail|crop]"),
        ("evaluate", "x>=1000]"),  # of the pairs
    ],
)
def test_help_shows_choices_and_ranges(command, shown):
    done = CliRunner().invoke(cli.main, [command, "--help"])
    assert done.exit_code == 0
    assert shown in done.stdout


@pytest.mark.parametrize("command", ["identify", "enroll", "augment", "evaluate"])
def test_an_empty_default_is_not_shown(command):
    shown = CliRunner().invoke(cli.main, [command, "--help"]).stdout
    assert "[default: " in shown and '[default: ""' not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "0"], "'--epochs': 0 is not in the range x>=1."),
        (["train", "--epochs", "x"], "'--epochs': 'x' is not a valid integer."),
        (["train", "--blend", "y"], "'--blend': 'y' is not a valid float."),
        (["train", "--head", "x"], "'--head': 'x' is not one of 'none', 'arcface'"),
        (["train", "--margin", "nan"], "margin must be at least 0 and at most 3.14"),
        (["augment", "--occluded", "1.5"], "1.5 is not in the range 0<=x<=1."),
        (["embed", "photos"], "Missing option '--out'. See main embed --help."),
        (["trian"], "No such command 'trian'."),
    ],
)
def test_wrong_options_end_with_2_and_one_line(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["gallery"]])
def test_a_group_alone_shows_its_help(arguments):
    done = CliRunner().invoke(cli.main, arguments)
    assert "Commands:" in done.output


def commands(group=cli.main):
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from commands(command)
        else:
            yield command


def test_options_stand_below_the_heading_of_their_group():
    @click.command(cls=GroupedCommand)
    @click.argument("photo")
    @click.option("--engine", type=click.Choice(["exact"]), help="How.")
    @click.option("--every", type=click.IntRange(1), default=5, show_default=True)
    @click.option("--json", "as_json", is_flag=True)
    def work(photo, engine, every, as_json):
        """Text."""

    lines = CliRunner().invoke(work, ["--help"]).output.splitlines()
    assert lines[lines.index("Options:") :] == [
        "Options:",
        "  --json",
        "  --help  Show this message and exit.",
        "",
        "Search:",
        "  --engine [exact]  How.",
        "",
        "Video:",
        "  --every INTEGER RANGE  [default: 5; x>=1]",
    ]


def test_every_group_names_options_that_there_are():
    found = {option.name for command in commands() for option in command.params}
    assert set().union(*GROUPS.values()) <= found
    # Each stands below one heading.
    assert sum(map(len, GROUPS.values())) == len(set().union(*GROUPS.values()))


def test_long_lists_of_options_are_grouped():
    for command in commands():
        groups = {
            group_of(p.name) for p in command.params if isinstance(p, click.Option)
        }
        if len(command.params) > 10:
            assert isinstance(command, GroupedCommand), command.name
            assert len(groups) > 1, command.name


@pytest.mark.parametrize(
    ("words", "start", "found"),
    [
        (["gallery", "show"], "a", ["Ann", "Anna Ö"]),
        (["gallery", "show"], "", ["Ann", "Anna Ö", "Bea"]),
        (["gallery", "merge", "Ann"], "b", ["Bea"]),
        (["gallery", "move", "Ann", "--photo", "1", "--to"], "Be", ["Bea"]),
        (["gallery", "remove"], "x", []),
        (["enroll"], "anna", ["Anna Ö"]),
    ],
)
def test_names_complete(tmp_path, monkeypatch, words, start, found):
    filled(tmp_path / "workspace" / "gallery", "Bea", "Ann", "Anna Ö")
    monkeypatch.chdir(tmp_path)
    shell = ShellComplete(cli.main, {}, "masked-faces", "_X")
    assert [item.value for item in shell.get_completions(words, start)] == found
    (tmp_path / "workspace").rename(tmp_path / "other")
    assert shell.get_completions(words, start) == []
    other = [*words, "--workspace", "other"]
    if words[-1] != "--to":
        assert [item.value for item in shell.get_completions(other, start)] == found


def test_without_a_gallery_nothing_completes(tmp_path):
    context = click.Context(cli.main.commands["enroll"])
    context.params["workspace"] = tmp_path
    assert complete_name(context, None, "a") == []


CLI = Path(cli.__file__)
ROOT = Path(cli.__file__).parent
ENDS = [signal.SIGTERM, signal.SIGHUP]
# A command with a temporary folder; it says when it can be ended.
COMMAND = """
import sys, time
from tempfile import TemporaryDirectory
import click
from index.commands.terminal.options import ToolkitGroup
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
