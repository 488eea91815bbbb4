"""Lists of names, and the part of a manifest that they choose."""

import unicodedata
from dataclasses import replace

import pytest

from masking.augment.manifest import Manifest, ManifestRow
from masking.augment.people_lists import people_found, read_names, select_people
from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.faces.alignment import ChipGeometry


def listed(folder, text):
    path = folder / "people.txt"
    path.write_bytes(text.encode())
    return read_names(path)


def test_a_name_is_the_line_up_to_a_tab(tmp_path):
    found = listed(tmp_path, "Person 61\r\n0000045\nAnn_Lee\t4\n\n  Cid  \n12\n")
    assert found == {"Person 61", "0000045", "Ann_Lee", "Cid", "12"}


def test_the_count_of_lfws_lists_is_no_name(tmp_path):
    assert listed(tmp_path, "2\nAnn_Lee\t4\nBob\t1\n") == {"Ann_Lee", "Bob"}
    # A list of numbers, as CASIA's people are called, has no count.
    assert listed(tmp_path, "0000045\n0000099\n") == {"0000045", "0000099"}
    assert listed(tmp_path, "45\t3\n46\t1\n") == {"45", "46"}


def test_marks_and_decomposed_letters_make_no_other_name(tmp_path):
    zoe = "Zo\u00eb"
    text = f"\ufeff{unicodedata.normalize('NFD', zoe)}\nAnn\n"
    assert listed(tmp_path, text) == {zoe, "Ann"}


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_lists_that_name_nobody_are_refused(tmp_path, content):
    with pytest.raises(MissingInput, match=r"people\.txt: names nobody"):
        listed(tmp_path, content)


def test_lists_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "people.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRecord, match=r"people\.txt: no text in UTF-8"):
        read_names(tmp_path / "people.txt")
    with pytest.raises(MissingInput, match="no such file"):
        read_names(tmp_path / "absent.txt")


def test_those_who_are_not_there_are_told(tmp_path, caplog):
    names = frozenset({"Ann", "E", "D", "C", "B"})
    assert people_found(names, ["Ann", "Zed"], "--only", tmp_path) == {"Ann"}
    assert caplog.messages == [
        f"{tmp_path}: of 5 people whom --only lists 4 are not there: B, C, D and 1 more"
    ]
    caplog.clear()
    assert people_found(frozenset({"Ann"}), ["Ann"], "--only", tmp_path) == {"Ann"}
    assert not caplog.messages


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


def test_faces_without_names_stay_whoever_is_chosen(manifest):
    nameless = [ManifestRow(f"passers-by/{n}.jpg", "", "0" * 64) for n in range(2)]
    whole = replace(manifest, rows=[*manifest.rows, *nameless])
    for only, without in ((frozenset({"Ann"}), frozenset()), (None, {"Ann"})):
        kept = select_people(whole, only, frozenset(without)).rows
        assert kept[-2:] == nameless
    with pytest.raises(InvalidConfig, match="none of its 3 people is left"):
        select_people(whole, None, frozenset({"Ann", "Bob", "Cid"}))


def test_a_folder_of_decomposed_letters_is_found(tmp_path):
    folder = unicodedata.normalize("NFD", "Zo\u00eb")
    rows = [ManifestRow(f"{name}/1.jpg", name, "") for name in ("Ann", folder)]
    manifest = Manifest(tmp_path, {}, ChipGeometry(), rows, "a" * 64)
    kept = select_people(manifest, None, frozenset({"Zo\u00eb"}))
    assert [row.identity for row in kept.rows] == ["Ann"]


def test_no_list_chooses_everybody(manifest):
    assert select_people(manifest, None, frozenset()) is manifest


def test_the_hash_tells_choices_apart_and_not_the_way_to_them(manifest):
    first = select_people(manifest, frozenset({"Ann", "Bob"}), frozenset())
    same = select_people(manifest, None, frozenset({"Cid"}))
    other = select_people(manifest, frozenset({"Ann"}), frozenset())
    assert first.sha256 == same.sha256
    assert len({manifest.sha256, first.sha256, other.sha256}) == 3
    assert len(first.sha256) == 64


def test_lists_without_effect_are_refused(manifest):
    everybody = frozenset({"Ann", "Bob", "Cid"})
    nobody = frozenset({"Dan"})
    with pytest.raises(InvalidConfig, match="nobody whom --only lists is there, not D"):
        select_people(manifest, nobody, frozenset())
    with pytest.raises(InvalidConfig, match="nobody whom --without lists is there"):
        select_people(manifest, None, nobody)
    with pytest.raises(InvalidConfig, match="none of its 3 people is left"):
        select_people(manifest, None, everybody)
