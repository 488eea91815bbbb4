"""--help has headings."""

import click
from click.testing import CliRunner

import cli
from index.commands.terminal.option_groups import GROUPS, GroupedCommand, group_of


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
