"""Whose photograph each file of a collection is."""

import pytest

from masking.errors import BadRecord, MissingInput
from masking.photo_collections import CELEBA_LIST, list_photos


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_folder_per_person_at_any_depth(tmp_path):
    touch(
        tmp_path,
        "Ann/1.jpg",
        "Ann/2.PNG",
        "actors/Bob/1.jpg",
        "actors/Bob/note.txt",
        "Ann/.hidden/3.jpg",
        "loose.jpg",
    )
    photos = list_photos(tmp_path)
    assert [(photo.photo_id, photo.identity) for photo in photos] == [
        ("Ann/1.jpg", "Ann"),
        ("Ann/2.PNG", "Ann"),
        ("actors/Bob/1.jpg", "actors/Bob"),
    ]
    assert [photo.path for photo in photos] == [
        tmp_path / photo.photo_id for photo in photos
    ]


def test_photos_are_sorted_by_their_id(tmp_path):
    # By characters " " < "-" < "/"; by path the folder "Ann" would come first.
    touch(tmp_path, "Ann/1.jpg", "Ann-Marie/1.jpg", "Ann Lee/1.jpg")
    ids = [photo.photo_id for photo in list_photos(tmp_path)]
    assert ids == ["Ann Lee/1.jpg", "Ann-Marie/1.jpg", "Ann/1.jpg"]


def test_a_flat_folder_names_nobody(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    with pytest.raises(MissingInput, match=r"3 images .* a folder per person"):
        list_photos(tmp_path)


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(MissingInput, match="no such folder"):
        list_photos(tmp_path / "absent")
    (tmp_path / "Ann").mkdir()
    with pytest.raises(MissingInput, match="holds no image"):
        list_photos(tmp_path)


@pytest.mark.parametrize("listing", [CELEBA_LIST, f"images/{CELEBA_LIST}"])
def test_celeba_names_the_people_in_a_list(tmp_path, listing):
    images = touch(
        tmp_path / "images", "000001.jpg", "000002.jpg", "000003.jpg", "other.jpg"
    )
    text = "000002.jpg 17\n000001.jpg 2880\n000003.jpg 17\n\n"
    (tmp_path / listing).write_text(text)
    found = {photo.photo_id: photo.identity for photo in list_photos(images)}
    assert found == {"000001.jpg": "2880", "000002.jpg": "17", "000003.jpg": "17"}


def test_damaged_celeba_lists_are_refused(tmp_path):
    images = touch(tmp_path / "images", "000001.jpg")
    (tmp_path / CELEBA_LIST).write_text("000001.jpg 3\n000002.jpg\n")
    with pytest.raises(BadRecord, match=r"line 2: found '000002\.jpg'"):
        list_photos(images)
    (tmp_path / CELEBA_LIST).write_bytes(b"000001.jpg \xff\n")
    with pytest.raises(BadRecord, match="no text"):
        list_photos(images)
    (tmp_path / CELEBA_LIST).write_text("000009.jpg 3\n")
    with pytest.raises(MissingInput, match="none of its images"):
        list_photos(images)
