import dataclasses
from pathlib import Path

import numpy as np
import pytest

from index.datasets.pair_lists import PairList
from index.evaluation.protocol import AllPairs, ListedPairs, read_collection
from masking.datasets.collections import LabelledPhoto
from masking.errors import InvalidConfig
from training.metrics.pairs import PairBudget
from training.metrics.score_normalization import EmbeddedFaces


@pytest.fixture
def folder(tmp_path):
    for name in ("Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", "Bob/Bob_0001.jpg"):
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "faces" / name).write_bytes(b"")
    (tmp_path / "some.txt").write_text("1\nAnn\t2\n")
    (tmp_path / "pairs.txt").write_text("1\nAnn\t1\t2\nAnn\t2\tBob\t1\n")
    return tmp_path / "faces"


def test_every_test_on_a_folder_has_its_own_name(folder):
    everyone = read_collection(folder)
    some = read_collection(folder, people=folder.parent / "some.txt")
    pairs = read_collection(folder, pairs=folder.parent / "pairs.txt")
    assert [one.name for one in (everyone, some, pairs)] == [
        "faces",
        "faces-some",
        "faces-pairs",
    ]
    assert [len(one.photos) for one in (everyone, some, pairs)] == [3, 2, 3]
    assert everyone.people().tolist() == [0, 0, 1]
    assert everyone.listed is None
    assert pairs.listed.pairs.tolist() == [[0, 1], [1, 2]]


def test_people_and_pairs_exclude_each_other(folder):
    list_file = folder.parent / "some.txt"
    with pytest.raises(InvalidConfig, match="both --people"):
        read_collection(folder, people=list_file, pairs=list_file)


def test_probes_are_compared_with_the_references_of_either_kind_of_test(folder):
    for listed in (None, folder.parent / "pairs.txt"):
        collection = read_collection(folder, pairs=listed)
        people, photos = collection.people(), np.arange(3, dtype=np.int32)
        faces, references = (
            EmbeddedFaces(np.array(values, np.float32)[:, None], people, photos)
            for values in ([1, 2, 4], [101, 102, 104])
        )
        pairing = collection.pairing(faces, references, PairBudget(1000, seed=0))
        found = pairing.between(np.array([True, False, False]), photos == 1)
        assert found.genuine.distances.tolist() == [102 - 1]


@pytest.fixture
def listed():
    """0 and 1 are one person, 2 another; 2 is listed with itself, too."""
    photos = [LabelledPhoto(Path(f"{n}.png"), f"{n}.png", "AAB"[n]) for n in range(3)]
    pairs = np.array([[0, 1], [1, 2], [2, 2]], np.int32)
    return PairList(photos, pairs, np.array([True, False, True]), {}, named=True)


def rendered():
    """Each photograph at 1, 2, 4 and its rendered copy at 10, 20, 40."""
    values = np.array([1, 10, 2, 20, 4, 40], np.float32)
    photos = np.repeat(np.arange(3, dtype=np.int32), 2)
    return EmbeddedFaces(values[:, None], np.array([0, 0, 1], np.int32)[photos], photos)


def references():
    """The same faces as references: the unmasked ones at 3, 5, 9."""
    unmasked = np.array([3, 10, 5, 20, 9, 40], np.float32)[:, None]
    return dataclasses.replace(rendered(), embeddings=unmasked)


MASKED = np.array([False, True] * 3)


def distances(pairs):
    return sorted(pairs.genuine.distances), sorted(pairs.impostor.distances)


def test_a_listed_pair_is_compared_in_each_set(listed):
    pairing = ListedPairs(rendered(), rendered(), listed, None)
    assert distances(pairing.within(~MASKED)) == ([1], [2])
    assert distances(pairing.within(MASKED)) == ([10], [20])
    # Masked 0 with unmasked 1 and masked 1 with unmasked 0; likewise 1 and 2.
    between = pairing.between(MASKED, ~MASKED)
    assert distances(between) == ([10 - 2, 20 - 1], [20 - 4, 40 - 2])
    assert between.impostor.photos.tolist() == [[1, 2], [2, 1]]
    assert between.impostor.people.tolist() == [[0, 1], [1, 0]]


def test_a_labelled_photograph_is_in_one_set(listed):
    faces = rendered()[np.array([True, False, False, True, True, False])]
    pairing = ListedPairs(faces, faces, listed, None)
    masked = np.array([False, True, False])
    assert distances(pairing.within(~masked)) == ([], [])
    assert distances(pairing.within(masked)) == ([], [])
    assert distances(pairing.between(masked, ~masked)) == ([20 - 1], [20 - 4])


def test_listed_folds_are_kept_others_drawn(listed):
    rng = np.random.default_rng(0)
    folds, faces = np.array([3, 7], np.int32), rendered()
    assert ListedPairs(faces, faces, listed, folds).folds(rng).tolist() == [3, 7]
    assert len(ListedPairs(faces, faces, listed, None).folds(rng)) == 2


def test_all_pairs_leave_copies_out():
    pairing = AllPairs(rendered(), rendered(), PairBudget(1000, seed=0))
    assert distances(pairing.between(MASKED, ~MASKED)) == (
        [8, 19],
        sorted([10 - 4, 20 - 4, 40 - 1, 40 - 2]),
    )
    assert distances(pairing.within(~MASKED)) == ([1], [2, 3])
    assert len(pairing.folds(np.random.default_rng(0))) == 2


def test_listed_probes_are_compared_with_references(listed):
    pairing = ListedPairs(rendered(), references(), listed, None)
    between = pairing.between(MASKED, ~MASKED)
    # Masked 0 and 1 with references 1 and 0; masked 1 and 2 with 2 and 1.
    assert distances(between) == ([10 - 5, 20 - 3], [20 - 9, 40 - 5])
    assert distances(pairing.within(~MASKED)) == ([1], [2])
    assert distances(pairing.within(MASKED)) == ([10], [20])


def test_all_probes_are_compared_with_references():
    pairing = AllPairs(rendered(), references(), PairBudget(1000, seed=0))
    assert distances(pairing.between(MASKED, ~MASKED)) == (
        [10 - 5, 20 - 3],
        sorted([10 - 9, 20 - 9, 40 - 3, 40 - 5]),
    )
    assert distances(pairing.within(~MASKED)) == ([1], [2, 3])
    assert distances(pairing.within(MASKED)) == ([10], [20, 30])
