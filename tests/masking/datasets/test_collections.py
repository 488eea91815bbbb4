"""Whose photograph each file of a collection is."""

import os
import unicodedata
from pathlib import Path

import pytest

from masking.datasets.collections import (
    CELEBA_LIST,
    Collection,
    Collections,
    photo_path,
)
from masking.datasets.folders import Shard
from masking.errors import BadRecord, InvalidConfig, MissingInput


def used(folder):
    return [photo for photo in Collection(folder) if not photo.refused]


def refused(folder):
    photos = Collection(folder)
    return {photo.photo_id: photo.refused for photo in photos if photo.refused}


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_the_first_level_of_folders_names_the_person(tmp_path, caplog):
    touch(
        tmp_path,
        "Ann/1.jpg",
        "Ann/2.PNG",
        "Bob/2020/1.jpg",
        "Bob/2021/1.jpg",
        "Bob/2021/note.txt",
        "Ann/.hidden/3.jpg",
        "loose.jpg",
    )
    photos = used(tmp_path)
    assert [(photo.photo_id, photo.identity) for photo in photos] == [
        ("Ann/1.jpg", "Ann"),
        ("Ann/2.PNG", "Ann"),
        ("Bob/2020/1.jpg", "Bob"),
        ("Bob/2021/1.jpg", "Bob"),
    ]
    assert [photo.path for photo in photos] == [
        tmp_path / photo.photo_id for photo in photos
    ]
    told = "all photographs below are taken for the same person's, such as Bob/2020 for"
    assert [told in message for message in caplog.messages] == [True]


def test_spellings_of_one_name_are_one_person(tmp_path, caplog):
    zoe = "Zo\u00eb"
    touch(tmp_path, f"{zoe}/1.jpg", f"{unicodedata.normalize('NFD', zoe)}/2.jpg")
    touch(tmp_path, "Ann/1.jpg", "Ann /2.jpg")
    assert {photo.identity for photo in used(tmp_path)} == {"Ann", zoe}
    assert not caplog.messages
    touch(tmp_path, "ann/3.jpg")
    assert {photo.identity for photo in used(tmp_path)} == {"Ann", "ann", zoe}
    (told,) = caplog.messages
    assert "1 names differ in capital letters only" in told
    assert told.endswith("such as Ann and ann")


def test_photos_are_sorted_by_their_id(tmp_path):
    # By characters " " < "-" < "/"; by path the folder "Ann" would come first.
    touch(tmp_path, "Ann/1.jpg", "Ann-Marie/1.jpg", "Ann Lee/1.jpg")
    ids = [photo.photo_id for photo in used(tmp_path)]
    assert ids == ["Ann Lee/1.jpg", "Ann-Marie/1.jpg", "Ann/1.jpg"]


def test_a_flat_folder_names_nobody(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    with pytest.raises(MissingInput, match=r"3 images, .* a folder per person"):
        Collection(tmp_path)


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(MissingInput, match="no such folder"):
        Collection(tmp_path / "absent")
    (tmp_path / "Ann").mkdir()
    with pytest.raises(MissingInput, match="holds no image"):
        Collection(tmp_path)


@pytest.mark.parametrize("listing", [CELEBA_LIST, f"images/{CELEBA_LIST}"])
def test_celeba_names_the_people_in_a_list(tmp_path, listing):
    images = touch(
        tmp_path / "images", "000001.jpg", "000002.jpg", "000003.jpg", "other.jpg"
    )
    text = "000002.jpg 17\n000001.jpg 2880\n000003.jpg 17\n\n"
    (tmp_path / listing).write_text(text)
    found = {photo.photo_id: photo.identity for photo in used(images)}
    assert found == {"000001.jpg": "2880", "000002.jpg": "17", "000003.jpg": "17"}


def test_a_mark_and_blanks_in_celebas_list_lose_no_photo(tmp_path):
    images = touch(tmp_path / "images", "1.jpg", "a b.jpg")
    (tmp_path / CELEBA_LIST).write_text("\ufeff1.jpg 3\na b.jpg 4\n", encoding="utf-8")
    assert [photo.identity for photo in used(images)] == ["3", "4"]


def test_damaged_celeba_lists_are_refused(tmp_path):
    images = touch(tmp_path / "images", "000001.jpg")
    (tmp_path / CELEBA_LIST).write_text("000001.jpg 3\n000002.jpg\n")
    with pytest.raises(BadRecord, match=r"line 2: found '000002\.jpg'"):
        Collection(images)
    (tmp_path / CELEBA_LIST).write_bytes(b"000001.jpg \xff\n")
    with pytest.raises(BadRecord, match="no text in UTF-8"):
        Collection(images)
    (tmp_path / CELEBA_LIST).write_text("000009.jpg 3\n")
    with pytest.raises(MissingInput, match="none of its images"):
        Collection(images)


def test_what_is_passed_over_is_listed_with_the_reason(tmp_path):
    touch(
        tmp_path,
        "Ann/1.jpg",
        "Ann/note.txt",
        "loose.jpg",
    )
    reasons = refused(tmp_path)
    assert list(reasons) == ["loose.jpg"]
    assert "lies in no person's folder" in reasons["loose.jpg"]
    assert len(Collection(tmp_path)) == 2
    assert [photo.photo_id for photo in used(tmp_path)] == ["Ann/1.jpg"]


def test_files_that_celeba_does_not_name_are_listed(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / CELEBA_LIST).write_text("1.jpg 7\n")
    assert refused(tmp_path) == {"2.jpg": f"2.jpg: not named in {CELEBA_LIST}."}


def test_folders_that_cannot_be_listed_are_told(tmp_path, monkeypatch):
    touch(tmp_path, "Ann/1.jpg", "Bob/1.jpg")
    scan = os.scandir

    def closed(folder):
        if Path(folder).name == "Bob":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", closed)
    assert refused(tmp_path) == {"Bob": "Bob: cannot be listed (Permission denied)."}


def test_shards_divide_the_collection(tmp_path):
    names = [f"{person:02}/{photo}.jpg" for person in range(20) for photo in range(5)]
    touch(tmp_path, *names)
    shards = [Collection(tmp_path, Shard(number, 3)) for number in (1, 2, 3)]
    parts = [[photo.photo_id for photo in shard] for shard in shards]
    assert sorted(name for part in parts for name in part) == names
    assert [len(part) for part in parts] == [len(shard) for shard in shards]
    assert all(15 < len(part) < 55 for part in parts)
    assert all(part == sorted(part) for part in parts)


def test_labels_say_who_wears_a_mask(tmp_path):
    touch(tmp_path, "Ann/1.jpg", "Ann/2.jpg", "Ann/3.jpg")
    table = "person,file,mask\nAnn,Ann/1.jpg,no-mask\nAnn,Ann/2.jpg,surgical\n"
    (tmp_path / "labels.csv").write_text(table)
    photos = list(Collections([tmp_path]))
    assert [photo.wears_mask for photo in photos] == [False, True, False]
    (tmp_path / "labels.csv").write_text(table + "Ann,Ann/4.jpg,cloth\n")
    with pytest.raises(MissingInput, match=r"1 of 3 files are missing, first Ann/4"):
        Collections([tmp_path])


def test_a_labels_csv_of_other_programs_stops_only_who_asks_for_masks(tmp_path):
    touch(tmp_path, "Ann/1.jpg")
    (tmp_path / "labels.csv").write_text("image,class\nAnn/1.jpg,3\n")
    assert len(Collection(tmp_path)) == 1
    with pytest.raises(BadRecord, match="column person, file, mask is missing"):
        Collections([tmp_path])


def test_several_collections_are_told_apart_by_their_folders(tmp_path):
    folders = [tmp_path / "b", tmp_path / "a", tmp_path / "a-2"]
    for folder in folders:
        touch(folder, "Ann/1.jpg")
    touch(folders[0], "Bob/1.jpg")
    photos = list(Collections(folders))
    ids = [photo.photo_id for photo in photos]
    assert ids == ["a-2/Ann/1.jpg", "a/Ann/1.jpg", "b/Ann/1.jpg", "b/Bob/1.jpg"]
    assert ids == sorted(ids)
    assert [photo.collection for photo in photos] == ["a-2", "a", "b", "b"]
    assert [photo.identity for photo in photos] == ["Ann", "Ann", "Ann", "Bob"]
    assert [photo_path(folders, name) for name in ids] == [p.path for p in photos]
    assert len(Collections(folders)) == 4
    (alone,) = Collections([folders[1]])
    assert (alone.photo_id, alone.collection) == ("Ann/1.jpg", "")
    assert photo_path([folders[1]], "Ann/1.jpg") == alone.path


def test_nobody_has_a_name_in_an_unlabelled_folder(tmp_path, caplog):
    touch(tmp_path / "named", "Ann/1.jpg")
    touch(tmp_path / "street", "1.jpg", "monday/2.jpg")
    folders = [tmp_path / "named", tmp_path / "street"]
    photos = list(Collections(folders, unlabelled=folders[1:]))
    assert not any(photo.refused for photo in photos) and not caplog.messages
    told = [(photo.photo_id, photo.identity) for photo in photos]
    assert told == [
        ("named/Ann/1.jpg", "Ann"),
        ("street/1.jpg", ""),
        ("street/monday/2.jpg", ""),
    ]


def test_two_collections_of_one_name_are_refused(tmp_path):
    for place in ("here", "there"):
        touch(tmp_path / place / "people", "Ann/1.jpg")
    twice = [tmp_path / "here" / "people", tmp_path / "there" / "people"]
    with pytest.raises(InvalidConfig, match="same name, which tells their photos"):
        Collections(twice)
