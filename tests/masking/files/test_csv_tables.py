"""Tables from spreadsheets; `test_labelled_photos` reads broken ones."""

import pytest

from masking.errors import BadRecord
from masking.files.csv_tables import read_table


def test_optional_and_missing_fields_are_empty(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("\ufeffb,a,c\n 1 ,2,3\n4\n", encoding="utf-8")
    rows = read_table(table, ("a", "b"), ("d",))
    assert rows == [
        (f"{table}, line 2", {"a": "2", "b": "1", "d": ""}),
        (f"{table}, line 3", {"a": "", "b": "4", "d": ""}),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("person,file\nAnn,a b.jpg\n", "utf-8"),
        ("Person;FILE\r\nAnn;a b.jpg\r\n", "utf-8-sig"),
        ("person\tfile\nAnn\ta b.jpg\n", "utf-16"),
        (' person , "file" \n Ann ,  "a b.jpg" \n , \n', "utf-8"),
        ("person;file;a,b,\nAnn;a b.jpg;1,2\n;;\n", "utf-8"),
    ],
    ids=["plain", "semicolon", "tab", "blanks", "empty rows"],
)
def test_tables_are_read_as_spreadsheets_save_them(tmp_path, text, encoding):
    table = tmp_path / "table.csv"
    table.write_bytes(text.encode(encoding))
    ((_, row),) = read_table(table, ("person", "file"))
    assert row == {"person": "Ann", "file": "a b.jpg"}


def test_a_quote_that_never_ends_swallows_no_rows(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text('person,file\nAnn,"a.jpg\nBob,b.jpg\n')
    with pytest.raises(BadRecord, match="line 3: a field goes over several"):
        read_table(table, ("person", "file"))


def test_a_zero_byte_is_no_table(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"person,file\nAnn,\0\0\0.jpg\n")
    with pytest.raises(BadRecord, match=r"t\.csv: not a table .*zero byte"):
        read_table(tmp_path / "t.csv", ("person", "file"))
