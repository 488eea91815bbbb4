"""JSON that every program reads: NaN and Infinity, unknown to it, are null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def strict_json(record: Any, indent: int | None = None) -> str:
    """A record as JSON, in ASCII so that names of files fit that are no UTF-8.

    Args:
        record: dicts, lists, tuples, str, int, float, bool and None.
    """
    return json.dumps(_finite(record), indent=indent, allow_nan=False)


def _finite(record: Any) -> Any:
    if isinstance(record, float):
        return record if math.isfinite(record) else None
    if isinstance(record, Mapping):
        return {key: _finite(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [_finite(value) for value in record]
    return record
