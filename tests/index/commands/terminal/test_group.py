"""How mistakes end, whatever command they happen in."""

import errno
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli
from index.commands.terminal.group import ToolkitGroup
from masking.errors import ToolkitError

CLI = Path(cli.__file__)


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
