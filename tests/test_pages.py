"""The README's commands exist, with the options it names."""

import re
import shlex
from pathlib import Path

import click
import pytest

import cli

ROOT = Path(__file__).resolve().parents[1]


def readme_commands():
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^    python cli\.py ([^#\n]+)", text, flags=re.MULTILINE)
    return sorted({" ".join(line.split()) for line in lines})


def test_the_three_commands_are_named_without_arguments():
    for line in ("augment", "train", "identify masked.jpg"):
        assert line in readme_commands()


@pytest.mark.parametrize("line", readme_commands())
def test_a_command_parses(line):
    words = shlex.split(line)
    command = cli.main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    context = click.Context(command)
    options, _, _ = command.make_parser(context).parse_args(words)
    asked = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    assert asked <= set(options)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_and_modules_that_a_page_names_exist(page):
    text = (ROOT / page).read_text()
    named = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(
        r"`((?:tools|masking|training|index|benchmarks|tests)/[\w./-]*)`", text
    )
    named += [
        name.replace(".", "/") + ".py"
        for name in re.findall(r"-m ((?:tools|benchmarks)\.[\w.]*\w)", text)
    ]
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists(), name
