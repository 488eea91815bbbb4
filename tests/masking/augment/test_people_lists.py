"""Lists of names, and the part of a manifest that they choose."""

import pytest

from masking.augment.manifest import Manifest, ManifestRow
from masking.augment.people_lists import read_names, select_people
from masking.errors import InvalidConfig, MissingInput
from masking.faces.alignment import ChipGeometry


def test_names_are_the_first_words_and_counts_are_none(tmp_path):
    path = tmp_path / "people.txt"
    path.write_text("3\nAnn_Lee\t4\nBob 1\n\n  Cid  \n")
    assert read_names(path) == {"Ann_Lee", "Bob", "Cid"}


@pytest.mark.parametrize("content", [b"", b"4038\n\n", b"\xff\xfe\x00"])
def test_lists_that_name_nobody_are_refused(tmp_path, content):
    path = tmp_path / "people.txt"
    path.write_bytes(content)
    with pytest.raises(MissingInput, match=r"people\.txt: (names nobody|not a list)"):
        read_names(path)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(MissingInput, match=r"no such file\. Expected a list of names"):
        read_names(tmp_path / "absent.txt")


@pytest.fixture
def manifest(tmp_path):
    rows = [
        ManifestRow(f"{name}/{number}.jpg", name, "0" * 64)
        for name in ("Ann", "Bob", "Cid")
        for number in range(2)
    ]
    return Manifest(tmp_path, {}, ChipGeometry(), rows, "a" * 64)


def people(manifest):
    assert len(manifest.rows) % 2 == 0
    return [row.identity for row in manifest.rows[::2]]


def test_only_and_without_choose_people(manifest):
    only = frozenset({"Ann", "Cid", "Dan"})
    assert people(select_people(manifest, only, frozenset())) == ["Ann", "Cid"]
    assert people(select_people(manifest, None, frozenset({"Ann"}))) == ["Bob", "Cid"]
    assert people(select_people(manifest, only, frozenset({"Ann"}))) == ["Cid"]


def test_no_list_chooses_everybody(manifest):
    assert select_people(manifest, None, frozenset()) is manifest


def test_the_hash_tells_choices_apart_and_not_the_way_to_them(manifest):
    first = select_people(manifest, frozenset({"Ann", "Bob"}), frozenset())
    same = select_people(manifest, None, frozenset({"Cid"}))
    other = select_people(manifest, frozenset({"Ann"}), frozenset())
    assert first.sha256 == same.sha256
    assert len({manifest.sha256, first.sha256, other.sha256}) == 3
    assert len(first.sha256) == 64


def test_choosing_nobody_is_refused(manifest):
    with pytest.raises(InvalidConfig, match="none of its 3 people"):
        select_people(manifest, frozenset({"Dan"}), frozenset())
