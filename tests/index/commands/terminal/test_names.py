"""Names of people complete in the shell."""

import click
import pytest
from click.shell_completion import ShellComplete

import cli
from index.commands.terminal.names import complete_name
from tests.fakes.chip_galleries import filled


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
