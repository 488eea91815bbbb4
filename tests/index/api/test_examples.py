"""The surface for programs: its examples, its types, and how it is imported."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = [f"index.api.{name}" for name in ("faces", "gallery", "masks", "pictures")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 4 or name == "index.api.pictures"
    assert result.failed == 0


def test_the_examples_of_the_page_hold(tmp_path, monkeypatch):
    (tmp_path / "masked.jpg").symlink_to(ROOT / "masked.jpg")
    monkeypatch.chdir(tmp_path)
    page = str(ROOT / "docs" / "python.md")
    result = doctest.testfile(page, module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0


def test_every_public_name_stands_on_the_page():
    page = (ROOT / "docs" / "python.md").read_text()
    public = [name for m in MODULES for name in importlib.import_module(m).__all__]
    assert len(public) > 12
    assert [name for name in public if name not in page] == []


def test_importing_it_does_not_load_torch():
    code = f"import sys, {', '.join(MODULES)}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    loaded = set(run.stdout.split())
    assert {*MODULES} <= loaded
    assert not loaded & {"torch", "torchvision", "kornia", "matplotlib", "sklearn"}


@pytest.mark.parametrize("package", ["masking", "training", "index"])
def test_type_checkers_are_told_of_the_types(package):
    assert (ROOT / package / "py.typed").read_text() == ""
    assert f"\n{package} = py.typed" in (ROOT / "setup.cfg").read_text()
