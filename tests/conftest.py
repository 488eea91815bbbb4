"""What several tests share: a small augmented folder of synthetic people."""

from __future__ import annotations

import os
import sys

# Compiled once, also where the environment forbids it: many tests start processes, and
# each would compile torch anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Before numpy and torch are imported: tests run side by side, one thread each.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# ruff: noqa: E402
import shutil
from pathlib import Path

import pytest

from masking.augment.config import AugmentConfig
from masking.augment.manifest import Manifest, read_manifest
from masking.augment.stage import augment
from masking.datasets.sample import sample_people

# Files that take longest come first: what took one of them last would run on alone.
_LONGEST = (
    "tests/test_cli.py",
    "tests/training/run/test_stage.py",
    "tests/index/gallery/test_erasure.py",
    "tests/tools/release/test_wheel.py",
    "tests/index/app/test_page.py",
    "tests/index/commands/test_help.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of `_LONGEST` to the front."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


@pytest.fixture(scope="session")
def small_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people of the embedded sample, three photos each."""
    folder = tmp_path_factory.mktemp("people")
    for person in sorted(sample_people().iterdir())[:8]:
        (folder / person.name).mkdir()
        for photo in sorted(person.iterdir())[:3]:
            shutil.copy(photo, folder / person.name / photo.name)
    return folder


@pytest.fixture(scope="session")
def small_manifest(
    small_people: Path, tmp_path_factory: pytest.TempPathFactory
) -> Manifest:
    """`augment` of `small_people`; read it, do not write to its folder."""
    out = tmp_path_factory.mktemp("augmented")
    augment(small_people, out, AugmentConfig(variants=1, workers=1))
    return read_manifest(out)
