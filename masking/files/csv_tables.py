"""Reads and writes CSV as people and their spreadsheets do."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from masking.errors import BadRecord
from masking.files.reading import decoded, read_input

_DELIMITERS = ",;\t"
# Spreadsheets take what begins so for a formula, which can send the table elsewhere.
# Source: OWASP, "CSV Injection".
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def spreadsheet_text(text: str) -> str:
    """A cell that every spreadsheet shows as it is; a leading ' is not shown."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def read_table(
    table: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    headless: bool = False,
) -> list[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header, each with where it stands.

    Fields are separated as the header's are: by comma, semicolon or tab. Rows
    without any value are left out.

    Args:
        columns: must be there, in any case; others than these and `optional` are
            ignored.
        headless: a first line that names no column is a row, and values are of
            `columns` in their order.

    Returns:
        ("FILE, line N", values without blanks at the ends); "" for a field that
        the row does not have.

    Raises:
        MissingInput: no such file.
        BadRecord: no CSV in UTF-8 or UTF-16, or a column is missing.
    """
    data = read_input(table, "a CSV table")
    wanted = (*columns, *optional)
    try:
        text = _decoded(data)
        reader = _reader(text, columns, headless)
        _check_columns(table, columns, optional, reader.fieldnames or ())
        rows = [
            (
                f"{table}, line {reader.line_num}",
                {name: (row.get(name) or "").strip() for name in wanted},
            )
            for row in reader
        ]
    except (UnicodeError, csv.Error) as error:
        raise BadRecord(
            f"{table}: not a table that can be read ({error}). Expected CSV in UTF-8."
        ) from error
    for where, row in rows:
        if any("\n" in value for value in row.values()):
            raise BadRecord(
                f"{where}: a field goes over several lines. Expected a quotation mark "
                "at both of its ends, or at none."
            )
    return [(where, row) for where, row in rows if any(row.values())]


def _reader(text: str, columns: Sequence[str], headless: bool) -> csv.DictReader[str]:
    """By the first delimiter that finds the columns, with their names in lower case."""
    for delimiter in (*_DELIMITERS, ","):
        lines = io.StringIO(text, newline="")
        reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
        reader.fieldnames = [n.strip().lower() for n in reader.fieldnames or ()]
        if set(columns) <= set(reader.fieldnames):
            break
    if headless and not set(columns) & set(reader.fieldnames or ()):
        first = text.partition("\n")[0]
        delimiter = next((mark for mark in _DELIMITERS if mark in first), ",")
        lines = io.StringIO(text, newline="")
        return csv.DictReader(
            lines, columns, delimiter=delimiter, skipinitialspace=True
        )
    return reader


def _decoded(data: bytes) -> str:
    """Text as spreadsheets save it: with a byte order mark, or in UTF-16."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return decoded(data, "utf-16" if wide else "utf-8-sig")


def _check_columns(
    table: Path,
    columns: Sequence[str],
    optional: Sequence[str],
    found: Sequence[str],
) -> None:
    missing = [column for column in columns if column not in found]
    if missing:
        more = f" and, if you like, {', '.join(optional)}" if optional else ""
        raise BadRecord(
            f"{table}: column {', '.join(missing)} is missing, found "
            f"{', '.join(found) or 'nothing'}. Expected {', '.join(columns)}{more}."
        )
