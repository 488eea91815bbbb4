"""The wheel: complete, and at work in an environment outside of the clone."""

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("masking", "training", "index")
# The first setuptools that builds wheels by itself, without another package.
BUILDS_WHEELS = (70, 1)


def installed_setuptools():
    try:
        return tuple(int(part) for part in version("setuptools").split(".")[:2])
    except (ImportError, ValueError):
        return (0,)


pytestmark = pytest.mark.skipif(
    installed_setuptools() < BUILDS_WHEELS,
    reason="building needs setuptools 70.1 here, or network to download it",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built of a copy, so that the clone stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    ours = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=ours)
    for name in (
        "setup.cfg",
        "pyproject.toml",
        "cli.py",
        "README.md",
        "LICENSE",
        "LICENSE.models",
    ):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source))
    shutil.rmtree(source)
    (built,) = folder.glob("masked_faces-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """Folder of the programs of an environment that has the wheel, not the clone."""
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    (packages,) = home.glob("lib/python*/site-packages")
    # Dependencies are those of the environment that runs the tests.
    (packages / "outside.pth").write_text("\n".join(site.getsitepackages()))
    return python.parent


def pip(*words):
    run = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *words],
        capture_output=True,
        text=True,
        env=outside(),
    )
    assert run.returncode == 0, run.stdout + run.stderr


def outside():
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - held == set()
    assert "training/models/embedder.safetensors" in held
    assert len([name for name in held if "masking/sample/people/" in name]) > 400
    # Nothing that is not the program's.
    assert {name.partition("/")[0] for name in held - wanted} == {
        "cli.py",
        f"masked_faces-{wheel.name.split('-')[1]}.dist-info",
    }


def test_the_program_answers_outside_of_the_clone(programs, tmp_path):
    run = subprocess.run(
        [programs / "masked-faces", "--help"],
        cwd=tmp_path,
        env=outside(),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "Usage: masked-faces" in run.stdout
    code = "import masking, cli; print(masking.__file__, cli.__file__)"
    found = subprocess.run(
        [programs / "python", "-c", code],
        cwd=tmp_path,
        env=outside(),
        capture_output=True,
        text=True,
    ).stdout
    assert found.count(str(programs.parent)) == 2, found


def test_the_demo_runs_outside_of_the_clone(programs, tmp_path):
    (sample,) = programs.parent.glob("lib/python*/site-packages/masking/sample")
    people = sorted((sample / "people").iterdir())
    assert len(people) == len(list((ROOT / "masking" / "sample" / "people").iterdir()))
    # The smallest form of the demo: five of the people, two photos of each, and three
    # of the newcomer.
    for person in people[5:]:
        shutil.rmtree(person)
    for person in people[:5]:
        for photo in sorted(person.iterdir())[2:]:
            photo.unlink()
    for photo in sorted((sample / "newcomers" / "Newcomer_01").iterdir())[:-3]:
        photo.unlink()
    run = subprocess.run(
        [programs / "masked-faces", "demo"],
        cwd=tmp_path,
        env=outside(),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1. rendered 10 masks on 5 synthetic people" in run.stdout
    assert "3. enrolled Newcomer_01 from 2 photos, no training" in run.stdout
    (card,) = (tmp_path / "workspace" / "demo" / "identified").glob("*.png")
    assert f"look at {card.relative_to(tmp_path)}" in run.stdout
