"""Options show and check the choices and ranges of the settings they come from."""

from dataclasses import fields
from typing import get_type_hints

import click
import pytest
from click.testing import CliRunner

import cli
from index.calibration.config import CalibrateConfig
from index.enrollment.config import EnrollConfig
from index.evaluation.config import EmbedConfig, EvaluateConfig
from index.identification.config import IdentifyConfig
from index.identification.video.config import VideoConfig
from masking.augment.config import AugmentConfig
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
