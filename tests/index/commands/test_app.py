"""The command `app` says what it lacks before it does anything."""

from click.testing import CliRunner

import cli


def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch):
    def find_spec(name):
        return None if name == "fastapi" else name

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    done = CliRunner().invoke(cli.main, ["app", "--workspace", str(tmp_path / "w")])
    assert (done.exit_code, done.stdout) == (2, "")
    told = "the page needs fastapi. In its clone: pip install '.[app]'"
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []
