"""Files that a user named are read, or an error names them."""

from pathlib import Path

import pytest

from masking.errors import BadRecord, MissingInput
from masking.files.text import aligned, counted, read_input, read_lines, read_table


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert read_input(tmp_path / "file", "a list") == b"abc"


def test_what_is_no_file_or_breaks_while_it_is_read_is_named(tmp_path, monkeypatch):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(MissingInput, match=r"no such file\. Expected a list"):
            read_input(path, "a list")

    def fail(self):
        raise OSError(5, "Input/output error")

    (tmp_path / "file").write_bytes(b"abc")
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(MissingInput) as caught:
        read_input(tmp_path / "file", "a list")
    wanted = "cannot be read (Input/output error). Expected a list."
    assert str(caught.value) == f"{tmp_path / 'file'}: {wanted}"


def test_a_zero_byte_is_no_text(tmp_path):
    # No file's name can hold one: opening such a path is an error of Python's own.
    (tmp_path / "list").write_bytes(b"Ann\nB\0b\n")
    with pytest.raises(BadRecord, match=r"list: no text .*zero byte at character 5"):
        read_lines(tmp_path / "list", "one name a line")


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


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "photo", "0 photos"),
        (1, "photo", "1 photo"),
        (2, "photo", "2 photos"),
        (1, "person", "1 person"),
        (1234, "person", "1,234 people"),
    ],
)
def test_numbers_agree_with_their_nouns(number, noun, text):
    assert counted(number, noun) == text


def test_columns_begin_below_each_other_in_a_terminal():
    # Two letters of four places, a letter with its accent apart, an escaped line break.
    rows = [("name", "photos"), ("李小", "2"), ("Zoe\u0308", "1"), ("a\nb", "")]
    assert aligned(rows) == [
        "name  photos",
        "李小  2",
        "Zoe\u0308   1",
        "a\\nb",
    ]
