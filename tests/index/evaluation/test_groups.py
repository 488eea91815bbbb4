"""Groups of people of one collection."""

import pytest

from index.evaluation.protocol import groups_of, read_collection
from masking.errors import BadRecord


@pytest.fixture
def people(tmp_path):
    for name in ("Ann", "Bob", "Cem", "Dan"):
        (tmp_path / name).mkdir()
        for photo in (1, 2):
            (tmp_path / name / f"{photo}.jpg").touch()
    return tmp_path


def write_groups(folder, *lines):
    (folder / "groups.csv").write_text("\n".join(["person,group", *lines]))


def test_each_group_is_a_collection_of_its_people(people):
    write_groups(people, "Ann,west", "Cem,east", "Bob,west", "Zoe,east")
    whole = read_collection(people)
    east, west = groups_of(people, whole)
    assert (east.name, west.name) == (f"{whole.name}-east", f"{whole.name}-west")
    assert [photo.person for photo in east.photos] == ["Cem"] * 2
    assert [photo.person for photo in west.photos] == ["Ann"] * 2 + ["Bob"] * 2


def test_without_a_table_there_are_none(people):
    assert groups_of(people, read_collection(people)) == []


def test_a_table_about_other_people_is_refused(people):
    write_groups(people, "Zoe,east")
    with pytest.raises(BadRecord, match="none of the people whom it names"):
        groups_of(people, read_collection(people))


@pytest.mark.parametrize("group", ["..", "../up", "/etc", "a\\\\b"])
def test_groups_that_lead_elsewhere_are_refused(people, group):
    write_groups(people, f"Ann,{group}")
    with pytest.raises(BadRecord, match="expected a plain name"):
        groups_of(people, read_collection(people))
