"""`make` installs what is needed where no compiler is."""

import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("compiler", ["", "/usr/bin/c++"])
def test_make_leaves_out_what_needs_a_compiler(tmp_path, compiler):
    place = tmp_path / "environment"
    words = ["make", "-n", f"VENV={place}", f"COMPILER={compiler}", "demo"]
    planned = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ("--override tools/without-compiler.txt" in planned.stdout) == (not compiler)
    assert ("No C++ compiler" in planned.stdout) == (not compiler)


def test_nothing_but_annoy_is_left_out():
    lines = (ROOT / "tools" / "without-compiler.txt").read_text().splitlines()
    (left_out,) = (Requirement(line) for line in lines if not line.startswith("#"))
    assert left_out.name == "annoy"
    assert left_out.marker is not None and not left_out.marker.evaluate()
