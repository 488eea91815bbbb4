"""Where the embedded sample lies: photographs of people who do not exist."""

from __future__ import annotations

from pathlib import Path

_SAMPLE = Path(__file__).resolve().parents[1] / "sample"


def sample_people() -> Path:
    """Folder of the people to train on: one folder each, with their photos."""
    return _SAMPLE / "people"


def sample_newcomers() -> Path:
    """Folder of the people who are held back, to be enrolled later."""
    return _SAMPLE / "newcomers"
