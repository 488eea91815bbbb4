"""Folders and tables of labelled photographs, good and broken."""

import unicodedata
from pathlib import Path

import pytest

from index.datasets.labelled_photos import read_labelled_photos, read_people
from masking.datasets.labels import LabelledPhoto
from masking.errors import BadRecord, MissingInput


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not looked at")


def labels(folder: Path, text: str) -> None:
    (folder / "labels.csv").write_text(text, encoding="utf-8")


def test_the_folder_names_the_person(tmp_path):
    touch(tmp_path, "Ann/2020/1.jpg", "Ann/2021/2.png", "Bob/1.jpg", "Bob/notes.txt")
    photos = read_labelled_photos(tmp_path)
    assert photos == [
        LabelledPhoto(tmp_path / "Ann/2020/1.jpg", "Ann/2020/1.jpg", "Ann"),
        LabelledPhoto(tmp_path / "Ann/2021/2.png", "Ann/2021/2.png", "Ann"),
        LabelledPhoto(tmp_path / "Bob/1.jpg", "Bob/1.jpg", "Bob"),
    ]
    assert not any(photo.masked for photo in photos)


def test_photographs_outside_of_a_person_folder_are_refused(tmp_path):
    touch(tmp_path, "Ann/1.jpg", "loose.jpg")
    with pytest.raises(BadRecord, match=r"1 pictures .*loose\.jpg: lies in no"):
        read_labelled_photos(tmp_path)


def test_labels_say_person_and_mask(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    labels(
        tmp_path,
        "\ufeffperson,file,mask,note\nAnn,a.jpg,no-mask,x\nAnn,b.jpg,cloth_red,y\n",
    )
    plain, masked = read_labelled_photos(tmp_path)
    assert (plain.person, plain.mask, plain.masked) == ("Ann", "no-mask", False)
    assert (masked.name, masked.mask, masked.masked) == ("b.jpg", "cloth_red", True)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("person,file\nAnn,a.jpg\n", BadRecord, "column mask is missing, found person"),
        ("", BadRecord, "found nothing"),
        ("person,file,mask\n", MissingInput, "holds no row"),
        ("person,file,mask\nAnn,gone.jpg,no-mask\n", MissingInput, "first gone.jpg"),
        ("person,file,mask\nAnn,,no-mask\n", BadRecord, "line 2: empty field"),
        ("person,file,mask\nAnn,a.jpg\n", BadRecord, "line 2: empty field"),
        ("person,file,mask\nAnn,../a.jpg,x\n", BadRecord, "leaves the folder"),
        ("person,file,mask\nAnn,/a.jpg,x\n", BadRecord, "leaves the folder"),
        ("person,file,mask\nA,a.jpg,x\nB,a.jpg,x\n", BadRecord, "has two rows"),
    ],
)
def test_broken_labels_get_one_clear_line(tmp_path, text, error, message):
    touch(tmp_path, "a.jpg")
    labels(tmp_path, text)
    with pytest.raises(error, match=message) as caught:
        read_labelled_photos(tmp_path)
    assert "\n" not in str(caught.value)


def test_labels_in_another_encoding_are_refused(tmp_path):
    (tmp_path / "labels.csv").write_bytes(
        "person,file,mask\nZoë,a,b".encode("utf-16-le")
    )
    with pytest.raises(BadRecord, match="Expected CSV in UTF-8"):
        read_labelled_photos(tmp_path)


def test_only_listed_people_are_kept(tmp_path):
    touch(tmp_path, "lfw/Ann/1.jpg", "lfw/Ann/2.jpg", "lfw/Bob/1.jpg")
    people = tmp_path / "people.txt"
    people.write_text("1\nAnn\t2\n")
    photos = read_labelled_photos(tmp_path / "lfw", people)
    assert [photo.name for photo in photos] == ["Ann/1.jpg", "Ann/2.jpg"]
    people.write_text("2\nAnn\t2\nBob\t3\n")
    with pytest.raises(MissingInput, match=r"1 of its 2 people .* Bob \(1 of 3\)"):
        read_labelled_photos(tmp_path / "lfw", people)


@pytest.mark.parametrize(
    "text", ["", "2\nAnn\t1\n", "Ann\t1\n", "1\nAnn 1\n", "1\nAnn\tmany\n", "0\n"]
)
def test_other_files_are_no_list_of_people(tmp_path, text):
    people = tmp_path / "people.txt"
    people.write_text(text)
    with pytest.raises(BadRecord, match="not a list of people"):
        read_people(people)


def test_decomposed_names_and_a_mark_make_no_other_people(tmp_path):
    zoe = "Zo\u00eb"
    apart = unicodedata.normalize("NFD", zoe)
    touch(tmp_path, f"lfw/{apart}/1.jpg", "b.jpg")
    people = tmp_path / "people.txt"
    people.write_text(f"\ufeff1\n{zoe}\t1\n", encoding="utf-8")
    assert len(read_labelled_photos(tmp_path / "lfw", people)) == 1
    labels(tmp_path, f"person,file,mask\n{apart},b.jpg,no-mask\n")
    assert [photo.person for photo in read_labelled_photos(tmp_path)] == [zoe]


def test_a_missing_list_of_people_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"gone\.txt: no such file"):
        read_people(tmp_path / "gone.txt")


DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.realdata
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real photographs in {DATA}")
def test_the_published_collections_have_their_known_size():
    masked = read_labelled_photos(DATA / "mfr2-a")
    assert len(masked) == 134
    assert sum(photo.masked for photo in masked) == 86
    test_people = DATA / "lfw-protocol" / "peopleDevTest.txt"
    photos = read_labelled_photos(DATA / "lfw", test_people)
    assert len(photos) == 3708
    assert len({photo.person for photo in photos}) == 1711
