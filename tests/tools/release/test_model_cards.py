"""The model cards tell of every file that ships, and its true hash and weight."""

import re
from pathlib import Path

import pytest

from masking.files.model_files import TABLE

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = [ROOT / name / "models" for name in ("masking", "training", "index")]
CARDS = (ROOT / "docs" / "background" / "models.md").read_text()
MOST_MB = 45
SHIPPED = [
    path
    for folder in FOLDERS
    for path in sorted(folder.iterdir())
    if path.name != TABLE
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_card_has_the_hash_of_the_table(path):
    lines = path.with_name(TABLE).read_text().splitlines()
    hashes = {
        name: digest for digest, _, name in (one.partition("  ") for one in lines)
    }
    told = re.search(
        rf"`{path.relative_to(ROOT)}`, ([\d.]+) ([kM])B, SHA-256\n`([0-9a-f]+)`", CARDS
    )
    assert told, f"docs/background/models.md has no card of {path.name}"
    size = float(told[1]) * {"k": 1e3, "M": 1e6}[told[2]]
    assert size == pytest.approx(path.stat().st_size, rel=0.06)
    assert told[3] == hashes[path.name], f"{path.name} changed: look at its card again"


def test_every_card_says_what_one_wants_to_know():
    cards = CARDS.split("\n## ")[1:-1]
    assert len(cards) == 8
    for card in cards:
        assert re.search(r"\*\*(Trained on|Made of)\*\*", card), card
        assert "**Measured**" in card
    assert "**None is for commercial use**" in CARDS


def test_the_weight_of_all_is_told_and_no_more_than_it_may_be():
    total = sum(path.stat().st_size for path in SHIPPED) / 1e6
    (told,) = re.findall(r"Together they weigh\s+([\d.]+) MB", CARDS)
    assert float(told) == pytest.approx(total, abs=0.06)
    assert 20 < total <= MOST_MB
