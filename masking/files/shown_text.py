"""Text of others as a terminal may get it: names of files and people."""

from __future__ import annotations

import unicodedata

# Line breaks spoil every list and log, escape sequences rule the terminal, and
# halves of characters stand for bytes that are no UTF-8.
_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They make one name look like another.
_DIRECTION_OVERRIDES = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def is_control(letter: str) -> bool:
    """Whether a letter does something to a line instead of standing in it."""
    return unicodedata.category(letter) in _CATEGORIES or letter in _DIRECTION_OVERRIDES


def shown(text: str) -> str:
    """The text in one line: control characters as Python writes them, such as \\n."""
    return "".join(
        letter.encode("unicode_escape").decode() if is_control(letter) else letter
        for letter in text
    )
