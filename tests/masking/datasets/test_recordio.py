import struct

import numpy as np
import pytest

from masking.datasets.collections import Collection
from masking.datasets.images import encode_image, read_rgb
from masking.datasets.recordio import read_record_photo
from masking.errors import BadRecord, MissingInput, UnreadableImage

MAGIC = struct.pack("<I", 0xCED7230A)


def list_of(folder):
    return list(Collection(folder))


def packed(flag, labels, data=b""):
    """mxnet's image header: one label inside, or `flag` labels behind it."""
    head = struct.pack("<IfQQ", flag, 0.0 if flag else labels[0], 7, 0)
    return head + (struct.pack(f"<{flag}f", *labels) if flag else b"") + data


def cells(content):
    """A record, cut at each magic on a multiple of 4 as dmlc's writer does."""
    parts, start = [], 0
    for place in range(0, len(content) - 3, 4):
        if content[place : place + 4] == MAGIC:
            parts.append(content[start:place])
            start = place + 4
    parts.append(content[start:])
    kinds = [0] if len(parts) == 1 else [1] + [2] * (len(parts) - 2) + [3]
    return b"".join(
        MAGIC + struct.pack("<I", kind << 29 | len(part)) + part + bytes(-len(part) % 4)
        for kind, part in zip(kinds, parts, strict=True)
    )


def write(folder, records):
    folder.mkdir(exist_ok=True)
    data, lines = b"", []
    for number, content in records.items():
        lines.append(f"{number}\t{len(data)}\n")
        data += cells(content)
    (folder / "train.rec").write_bytes(data)
    (folder / "train.idx").write_text("".join(lines))


def jpeg(grey):
    return encode_image(np.full((8, 8, 3), grey, np.uint8), ".jpg")


def collection(folder):
    """Three images of persons 12, 3 and 12, then the ranges of two persons."""
    write(
        folder,
        {
            0: packed(2, [4.0, 6.0]),
            1: packed(0, [12.0], jpeg(10)),
            2: packed(2, [3.0, 0.0], jpeg(60)),
            3: packed(0, [12.0], jpeg(110)),
            4: packed(2, [1.0, 3.0]),
            5: packed(2, [2.0, 3.0]),
        },
    )


def test_a_rec_file_is_a_collection(tmp_path):
    collection(tmp_path)
    photos = list_of(tmp_path)
    assert [(p.identity, p.photo_id) for p in photos] == [
        ("00000003", "00000003/0000000002.jpg"),
        ("00000012", "00000012/0000000001.jpg"),
        ("00000012", "00000012/0000000003.jpg"),
    ]
    assert [int(read_rgb(p.path).mean()) for p in photos] == [60, 10, 110]


def test_without_record_0_every_record_is_an_image(tmp_path):
    write(tmp_path, {5: packed(0, [1.0], jpeg(30)), 9: packed(0, [0.0], jpeg(90))})
    photos = list_of(tmp_path)
    assert [int(read_rgb(p.path).mean()) for p in photos] == [90, 30]


def test_data_that_holds_the_magic_comes_back_whole(tmp_path):
    # A JPEG ends at its end mark; what follows is ignored by decoders.
    picture = jpeg(200)
    head = packed(0, [1.0])
    picture += bytes(-(len(head) + len(picture)) % 4) + MAGIC + b"tail" + MAGIC + b"x"
    write(tmp_path, {1: head + picture})
    assert (tmp_path / "train.rec").read_bytes().count(MAGIC) == 3
    (photo,) = list_of(tmp_path)
    assert read_record_photo(photo.path) == picture
    assert int(read_rgb(photo.path).mean()) == 200


def test_a_truncated_picture_is_refused_like_a_file(tmp_path):
    write(tmp_path, {1: packed(0, [1.0], jpeg(30)[:-40])})
    (photo,) = list_of(tmp_path)
    with pytest.raises(UnreadableImage, match="damaged"):
        read_rgb(photo.path)


def test_damage_is_said_with_its_place(tmp_path):
    collection(tmp_path)
    path = tmp_path / "train.rec"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    photos = list_of(tmp_path)  # the ranges at the end are not needed
    assert len(photos) == 3
    path.write_bytes(b"\0" * 8 + whole[8:])
    with pytest.raises(BadRecord, match="record 0: it begins with 0x00000000"):
        list_of(tmp_path)
    path.write_bytes(whole[:60])
    with pytest.raises(BadRecord, match="record 1: the file ends"):
        list_of(tmp_path)
    odd = bytearray(whole)
    odd[40:48] = MAGIC + struct.pack("<I", 2 << 29 | 5)  # record 1 begins in the middle
    path.write_bytes(odd)
    with pytest.raises(BadRecord, match="record 1: a cell of kind 2 is misplaced"):
        list_of(tmp_path)
    path.write_bytes(whole[:60])
    with pytest.raises(UnreadableImage, match="record 3"):
        read_rgb(photos[2].path)


def test_a_missing_or_odd_index_is_refused(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    collection(first)
    (first / "train.idx").unlink()
    with pytest.raises(MissingInput, match=r"train\.idx: not there"):
        list_of(first)
    collection(second)
    (second / "train.idx").write_text("1\tx\n")
    with pytest.raises(BadRecord, match=r"train\.idx: damaged"):
        list_of(second)
    (second / "other.rec").write_bytes(b"")
    with pytest.raises(BadRecord, match=r"holds other\.rec, train\.rec"):
        list_of(second)
