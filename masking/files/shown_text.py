"""Text of others, names of files and people: how it is compared and shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# Line breaks spoil every list and log, escape sequences rule the terminal, and
# halves of characters stand for bytes that are no UTF-8.
_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They make one name look like another.
_DIRECTION_OVERRIDES = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_PLURALS = {"person": "people"}


def normal_form(name: str) -> str:
    """The name without outer blanks, composed (NFC), so that equal names are equal."""
    return unicodedata.normalize("NFC", name).strip()


def is_control(letter: str) -> bool:
    """Whether a letter does something to a line instead of standing in it."""
    return unicodedata.category(letter) in _CATEGORIES or letter in _DIRECTION_OVERRIDES


def shown(text: str) -> str:
    """The text in one line: control characters as Python writes them, such as \\n."""
    return "".join(
        letter.encode("unicode_escape").decode() if is_control(letter) else letter
        for letter in text
    )


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 photo", "2 photos", "2 people" for "person"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {_PLURALS.get(noun, noun + 's')}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a table as lines whose columns begin below each other.

    Control characters are shown; Chinese, Japanese and Korean letters take two places
    of a terminal (Unicode Standard Annex 11), accents that combine take none.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(places, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - places(cell))
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def places(text: str) -> int:
    """How many places of a terminal a text takes."""
    return sum(
        0
        if unicodedata.combining(letter)
        else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
