"""Reads CSV files that people wrote by hand or with a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from masking.errors import BadRecord, MissingInput


def read_table(
    table: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header, each with where it stands.

    Args:
        columns: must be there; others than these and `optional` are ignored.

    Returns:
        ("FILE, line N", values without blanks at the ends); "" for a field that
        the row does not have.

    Raises:
        MissingInput: no such file.
        BadRecord: no CSV in UTF-8, or a column is missing.
    """
    if not table.is_file():
        raise MissingInput(f"{table}: no such file. Expected a CSV table.")
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column.
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(table, columns, reader.fieldnames or ())
            wanted = (*columns, *optional)
            return [
                (
                    f"{table}, line {reader.line_num}",
                    {name: (row.get(name) or "").strip() for name in wanted},
                )
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRecord(
            f"{table}: not a table that can be read ({error}). Expected CSV in UTF-8."
        ) from error


def _check_columns(table: Path, columns: Sequence[str], found: Sequence[str]) -> None:
    missing = [column for column in columns if column not in found]
    if missing:
        raise BadRecord(
            f"{table}: column {', '.join(missing)} is missing, found "
            f"{', '.join(found) or 'nothing'}. Expected {', '.join(columns)}."
        )
