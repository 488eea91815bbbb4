"""Nobody but its owner looks into what a workspace holds of people."""

import stat

from click.testing import CliRunner

import cli
from masking.files.private_folder import private_folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_made_folders_are_private_and_others_keep_their_mode(tmp_path):
    tmp_path.chmod(0o755)
    assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert [mode(tmp_path / name) for name in ("", "a", "a/b")] == [0o755, 0o700, 0o700]
    (tmp_path / "a").chmod(0o750)
    private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == 0o750


def call(*arguments):
    return CliRunner().invoke(cli.main, [str(item) for item in arguments])


def test_every_folder_of_a_workspace_is_private(small_people, tmp_path):
    one = sorted(small_people.rglob("*.jpg"))[0]
    commands = {
        "augmented": ["augment", small_people, "--workers", 1, "--variants", 1],
        "models models/cache gallery": ["train", "--epochs", 1, "--workers", 1],
        "identified": ["identify", one],
        f"evaluated evaluated/{small_people.name} found-faces "
        f"evaluated/{small_people.name}/private": [
            *("evaluate", small_people, "--workers", 1, "--rounds", 0)
        ],
    }
    workspace = tmp_path / "workspace"
    for folders, command in commands.items():
        done = call(*command, "--workspace", workspace)
        assert done.exit_code in (0, 3), done.output
        for folder in folders.split():
            assert mode(workspace / folder) == 0o700, folder
    assert mode(workspace) == 0o700
