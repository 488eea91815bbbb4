"""Files that a user named are read, or an error names them."""

from pathlib import Path

import pytest

from masking.errors import BadRecord, MissingInput
from masking.files.reading import read_input, read_lines


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
