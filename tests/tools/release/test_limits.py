"""What a release may weigh, and how soon it answers; `make check` looks, too."""

import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("masking", "training", "index")
MOST_MB = 50
# Beside the models, which have limits of their own: the model cards.
MOST_KB_OF_A_FILE = 150
MOST_HELP_S = 0.3


def files():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def test_the_packages_are_light():
    total = sum(path.stat().st_size for path in files()) / 1e6
    assert 20 < total < MOST_MB


def test_no_file_but_a_model_is_heavy():
    sizes = {
        path.relative_to(ROOT).as_posix(): path.stat().st_size / 1e3
        for path in files()
        if path.parent.name != "models"
    }
    assert len(sizes) > 500
    heavy = {name: kb for name, kb in sizes.items() if kb > MOST_KB_OF_A_FILE}
    assert heavy == {}


def test_help_answers_at_once():
    """CPU time, the best of three: machines are busy with other things."""
    seconds = []
    for _ in range(3):
        before = children_s()
        subprocess.run([sys.executable, "cli.py", "--help"], cwd=ROOT, check=True)
        seconds.append(children_s() - before)
    assert 0.01 < min(seconds) < MOST_HELP_S


def children_s():
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
