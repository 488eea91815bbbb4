"""Network addresses, which nothing here reads: they look like paths."""

from __future__ import annotations

import re
from pathlib import Path

from masking.errors import InvalidConfig

# `Path` makes one slash of two. One letter is a drive of Windows.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def refuse_address(path: str) -> None:
    """Raise an error that helps where a path is a network address.

    Raises:
        InvalidConfig: it is one.
    """
    if _ADDRESS.match(path) and not Path(path).exists():
        raise InvalidConfig(
            f"{path}: network addresses are not read. Give files, or pipe a "
            "photograph in: curl -s ADDRESS | python cli.py identify -"
        )
