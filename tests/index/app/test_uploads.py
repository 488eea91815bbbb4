"""Files keep the name that they have where they come from, each its own."""

import pytest

from index.app.uploads import named_apart
from masking.errors import UnreadableImage


def test_files_of_one_name_are_told_apart():
    sent = [("image.jpg", b"1"), ("image.jpg", b"2"), ("image.jpg", b"3"), ("a", b"4")]
    found = [(upload.name, upload.data) for upload in named_apart(sent)]
    assert found == [
        ("image.jpg", b"1"),
        ("image (2).jpg", b"2"),
        ("image (3).jpg", b"3"),
        ("a", b"4"),
    ]
    taken = [("x.jpg", b"1"), ("x (2).jpg", b"2"), ("x.jpg", b"3")]
    names = [upload.name for upload in named_apart(taken)]
    assert names == ["x.jpg", "x (2).jpg", "x (3).jpg"]


@pytest.mark.parametrize("given", ["../../etc/a.png", "C:\\photos\\a.png", "/x/a.png"])
def test_folders_are_left_out(given):
    (upload,) = named_apart([(given, b"1")])
    assert upload.name == "a.png"


def test_a_file_without_a_name_has_one():
    assert [upload.name for upload in named_apart([("", b"1")])] == ["photo"]


def test_films_and_pictures_that_are_not_read_are_told():
    avi, heic, jpeg = named_apart(
        [("a", b"RIFF\0\0\0\0AVI LIST"), ("b.HEIC", b"1"), ("c.avi", b"\xff\xd8\xff")]
    )
    assert (avi.is_video, heic.is_video, jpeg.is_video) == (True, False, False)
    assert jpeg.photo_bytes() == b"\xff\xd8\xff"
    with pytest.raises(UnreadableImage, match=r"^b\.HEIC: \.heic files are not read"):
        heic.photo_bytes()
