"""Lists of pairs in LFW's format and as CSV, good and broken."""

import unicodedata
from pathlib import Path

import pytest

from index.datasets.pair_lists import read_pair_list
from masking.errors import BadRecord, MissingInput


@pytest.fixture
def folder(tmp_path):
    for name in ("Ann/Ann_0001.jpg", "Ann/Ann_0002.png", "Bob/Bob_0001.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.fixture
def read(folder):
    def read_text(text, name="pairs.csv"):
        (folder / name).write_text(text)
        return read_pair_list(folder, folder / name)

    return read_text


def names(found):
    return [tuple(found.photos[n].name for n in pair) for pair in found.pairs]


ANN_1, ANN_2, BOB_1 = "Ann/Ann_0001.jpg", "Ann/Ann_0002.png", "Bob/Bob_0001.jpg"


def test_a_development_list_of_lfw(read):
    found = read("1\nAnn\t1\t2\nAnn\t2\tBob\t1\n", "pairsDevTest.txt")
    assert names(found) == [(ANN_1, ANN_2), (ANN_2, BOB_1)]
    assert found.same.tolist() == [True, False]
    assert [photo.person for photo in found.photos] == ["Ann", "Ann", "Bob"]
    assert found.named and found.folds == {}


def test_a_mark_and_decomposed_letters_are_read(read, folder):
    zoe, apart = "Zo\u00eb", unicodedata.normalize("NFD", "Zo\u00eb")
    (folder / apart).mkdir()
    for number in (1, 2):
        (folder / apart / f"{apart}_000{number}.jpg").write_bytes(b"")
    found = read(f"\ufeff1\n{zoe}\t1\t2\n{apart}\t2\tBob\t1\n", "pairs.txt")
    assert [photo.person for photo in found.photos] == [zoe, zoe, "Bob"]
    ends = f"{ANN_1},{ANN_2},1,{zoe},{apart}\n"
    found = read(f"file_a,file_b,same,person_a,person_b\n{ends}")
    assert {photo.person for photo in found.photos} == {zoe}


def test_the_sets_of_lfw_are_folds(read, folder):
    for name in ("Cy/Cy_0001.jpg", "Cy/Cy_0002.jpg", "Di/Di_0012.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    found = read(
        "2\t1\nAnn\t1\t2\nAnn\t1\tBob\t1\nCy\t1\t2\nCy\t2\tDi\t12\n", "pairs.txt"
    )
    assert found.folds == {"Ann": 0, "Bob": 0, "Cy": 1, "Di": 1}
    assert found.same.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", BadRecord, "not a list of pairs"),
        ("Ann\t1\t2\n", BadRecord, "not a list of pairs"),
        ("0\n", BadRecord, "announces 0 pairs"),
        ("2\nAnn\t1\t2\n", BadRecord, "announces 4 pairs, holds 1"),
        ("1\nAnn\t1\t2\nAnn 1 Bob 1\n", BadRecord, "line 3: not a pair"),
        ("1\nAnn\tone\t2\nAnn\t1\tBob\t1\n", BadRecord, "line 2: not a pair"),
        ("1\nAnn\t1\t2\nAnn\t1\tBob\t7\n", MissingInput, "Bob_0007.jpg is missing"),
        ("1\nAnn\t1\t2\nAnn\t1\t..\t1\n", BadRecord, "leaves the folder"),
        (
            "2\t1\nAnn\t1\t2\nAnn\t1\tBob\t1\nAnn\t1\t2\nBob\t1\tAnn\t1\n",
            BadRecord,
            "Ann is in two sets",
        ),
    ],
)
def test_broken_lists_of_lfw_get_one_clear_line(read, text, error, message):
    with pytest.raises(error, match=message) as caught:
        read(text, "pairs.txt")
    assert "\n" not in str(caught.value)


def test_a_table_groups_files_that_are_the_same(read):
    found = read(
        "\ufefffile_a,file_b,same,note\n"
        f"{ANN_1},{ANN_2},1,x\n{BOB_1},{ANN_2},0,y\n{BOB_1},{BOB_1},Yes,\n"
    )
    assert names(found) == [(ANN_1, ANN_2), (BOB_1, ANN_2), (BOB_1, BOB_1)]
    assert found.same.tolist() == [True, False, True]
    first, second, third = (photo.person for photo in found.photos)
    assert first == second != third
    assert not found.named
    assert not any(photo.masked for photo in found.photos)


def test_a_table_can_name_people_and_masks(read):
    found = read(
        "file_a,person_a,mask_a,file_b,person_b,mask_b,same\n"
        f"{ANN_1},Ann,no-mask,{ANN_2},Ann,cloth,1\n"
    )
    assert [(photo.person, photo.mask) for photo in found.photos] == [
        ("Ann", "no-mask"),
        ("Ann", "cloth"),
    ]
    assert found.named


def test_labels_of_the_folder_tell_person_and_mask(read, folder):
    (folder / "labels.csv").write_text(
        f"person,file,mask\nAnn,{ANN_1},no-mask\nAnn,{ANN_2},ffp2\nBob,{BOB_1},cloth\n"
    )
    found = read(f"file_a,file_b,same\n{ANN_1},{ANN_2},1\n{ANN_1},{BOB_1},0\n")
    assert [photo.mask for photo in found.photos] == ["no-mask", "ffp2", "cloth"]
    assert found.named
    listed = read("1\nAnn\t1\t2\nAnn\t1\tBob\t1\n", "pairs.txt")
    assert [photo.mask for photo in listed.photos] == ["no-mask", "ffp2", "cloth"]


HEAD = "file_a,file_b,same\n"
NAMED = "file_a,file_b,same,person_a,person_b\n"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("file_a,file_b\n", BadRecord, "column same is missing"),
        (HEAD, MissingInput, "holds no row"),
        (HEAD + f"{ANN_1},{ANN_2},maybe\n", BadRecord, "line 2: same is 'maybe'"),
        (HEAD + f"{ANN_1},gone.jpg,1\n", MissingInput, "gone.jpg is not a file"),
        (HEAD + f"{ANN_1},,1\n", MissingInput, "is not a file"),
        (HEAD + f"{ANN_1},../x.jpg,1\n", BadRecord, "leaves the folder"),
        (
            HEAD + f"{ANN_1},{ANN_2},1\n{ANN_2},{ANN_1},0\n",
            BadRecord,
            "line 3: contradicts",
        ),
        (NAMED + f"{ANN_1},{ANN_2},1,Ann,Bob\n", BadRecord, "line 2: contradicts"),
        (NAMED + f"{ANN_1},{ANN_2},1,Ann,\n", BadRecord, "names some people only"),
        (
            NAMED + f"{ANN_1},{ANN_2},1,A,A\n{ANN_1},{ANN_2},1,B,B\n",
            BadRecord,
            "had another person",
        ),
    ],
)
def test_broken_tables_get_one_clear_line(read, text, error, message):
    with pytest.raises(error, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["gone.csv", "gone.txt"])
def test_a_missing_list_is_named(folder, name):
    with pytest.raises(MissingInput, match=rf"{name}: no such file"):
        read_pair_list(folder, folder / name)


DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.realdata
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real photographs in {DATA}")
@pytest.mark.parametrize(
    ("name", "pairs", "folds"), [("pairsDevTest", 1000, 0), ("pairs", 6000, 10)]
)
def test_the_published_lists_have_their_known_size(name, pairs, folds):
    found = read_pair_list(DATA / "lfw", DATA / "lfw-protocol" / f"{name}.txt")
    assert len(found.pairs) == pairs == 2 * found.same.sum()
    assert len(set(found.folds.values())) == folds
