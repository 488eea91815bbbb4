"""Options show and check the choices and ranges of the settings they come from."""

from __future__ import annotations

from dataclasses import fields
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
    complete_name,
    group_of,
)
from index.enrollment.config import EnrollConfig
from index.evaluation.config import EmbedConfig, EvaluateConfig
from index.identification.config import IdentifyConfig
from index.identification.video.config import VideoConfig
from masking.augment.config import AugmentConfig
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
