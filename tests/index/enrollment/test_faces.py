"""Folders and tables say who is on which photograph."""

import pytest

from index.enrollment.faces import (
    NamedPhoto,
    chosen_photos,
    photos_of_folders,
    photos_of_table,
)
from masking.errors import BadRecord, InvalidConfig, MissingInput


def table(tmp_path, text):
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode())
    return path


def test_table_names_people_files_and_masks(tmp_path):
    rows = ["\ufeffmasked,person,file,note", "yes,Zo\u00eb,a/1.jpg,x"]
    rows += [",Zo\u00eb,2.jpg,", "NO,B,/c.png", ""]
    assert photos_of_table(table(tmp_path, "\n".join(rows))) == [
        NamedPhoto("Zo\u00eb", tmp_path / "a/1.jpg", True),
        NamedPhoto("Zo\u00eb", tmp_path / "2.jpg", None),
        NamedPhoto("B", tmp_path / "/c.png", False),
    ]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("name,file\nA,1.jpg\n", BadRecord, "column person is missing, found name, f"),
        ("person,file\n", MissingInput, "holds no row"),
        ("", BadRecord, "found nothing"),
        ("person,file\nA,1.jpg\n,2.jpg\n", BadRecord, "line 3: empty field"),
        ("person,file,masked\nA,1.jpg,maybe\n", BadRecord, "line 2: masked is 'maybe'"),
    ],
)
def test_tables_that_cannot_be_understood(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        photos_of_table(table(tmp_path, text))


def test_table_that_is_no_text_or_not_there(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(b"person,file\n\xff\xfe,1.jpg\n")
    with pytest.raises(BadRecord, match="CSV in UTF-8"):
        photos_of_table(path)
    with pytest.raises(MissingInput, match=r"none\.csv: no such file"):
        photos_of_table(tmp_path / "none.csv")


def test_an_address_in_a_table_is_not_taken_for_a_file(tmp_path):
    path = table(tmp_path, "Person;File;Masked\nA;https://example.org/a.jpg;\n")
    with pytest.raises(InvalidConfig, match=r"https://example\.org/a\.jpg: network"):
        photos_of_table(path)


def test_folder_of_a_photo_names_its_person(tmp_path):
    for name in ("B/2.jpg", "A A/1.jpg", "C/2020/3.jpg", "4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    nobody, *photos = photos_of_folders(tmp_path, masked=True)
    assert photos == [
        NamedPhoto("A A", tmp_path / "A A/1.jpg", True),
        NamedPhoto("B", tmp_path / "B/2.jpg", True),
        NamedPhoto("C", tmp_path / "C/2020/3.jpg", True),
    ]
    assert "4.jpg: lies in no person's folder" in nobody.refused


@pytest.mark.parametrize(
    "choice",
    [
        (None, None, None),
        ("A", "folder", None),
        ("A", None, "table"),
        (None, "folder", "table"),
    ],
)
def test_one_source_is_needed(tmp_path, choice):
    name, folder, csv = choice
    with pytest.raises(InvalidConfig, match="or --folder FOLDER, or --csv FILE"):
        chosen_photos(
            name, [tmp_path], folder and tmp_path, csv and tmp_path / csv, None
        )


def test_mask_option_does_not_fit_a_table(tmp_path):
    with pytest.raises(InvalidConfig, match="in its own column"):
        chosen_photos(None, [], None, tmp_path / "t.csv", True)
