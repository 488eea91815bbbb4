"""When two spellings are one name."""

from __future__ import annotations

import unicodedata


def normal_form(name: str) -> str:
    """The name without outer blanks, composed (NFC), so that equal names are equal."""
    return unicodedata.normalize("NFC", name).strip()
