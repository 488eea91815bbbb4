"""Text of others: files and tables that are read, names compared and shown."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from masking.errors import BadRecord, InvalidConfig, MissingInput

# `Path` makes one slash of two. One letter is a drive of Windows.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def read_input(path: Path, expected: str) -> bytes:
    """The bytes of a file.

    Args:
        expected: what it should be, for the message: "a CSV table".

    Raises:
        MissingInput: it is no file, or cannot be read.
    """
    if not path.is_file():
        raise MissingInput(f"{path}: no such file. Expected {expected}.")
    try:
        return path.read_bytes()
    except OSError as error:
        # A disk that fails in the middle names no file.
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror or error}). Expected {expected}."
        ) from error


def read_lines(path: Path, expected: str) -> list[str]:
    """The lines of a text file, composed (NFC), without a byte order mark.

    Args:
        expected: what the file should be, for messages.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no text in UTF-8.
    """
    try:
        text = decoded(read_input(path, expected))
    except UnicodeError as error:
        raise BadRecord(
            f"{path}: no text in UTF-8 ({error}). Expected {expected}."
        ) from error
    return [normal_form(line) for line in text.split("\n")]


def decoded(data: bytes, encoding: str = "utf-8-sig") -> str:
    """Bytes of a text file as text.

    Raises:
        UnicodeError: it is no text in this encoding, or holds the character 0, which
            no name of a file can.
    """
    text = data.decode(encoding)
    if "\0" in text:
        raise UnicodeError(f"a zero byte at character {text.index(chr(0))}")
    return text


def refuse_address(path: str) -> None:
    """Raise an error that helps where a path is a network address.

    Raises:
        InvalidConfig: it is one.
    """
    if _ADDRESS.match(path) and not Path(path).exists():
        raise InvalidConfig(
            f"{path}: network addresses are not read. Give files, or pipe a "
            "photograph in: curl -s ADDRESS | python cli.py identify -. A camera: "
            "identify --camera ADDRESS."
        )


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
