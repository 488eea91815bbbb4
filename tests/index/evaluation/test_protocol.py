"""What `evaluate` is given."""

import numpy as np
import pytest

from index.evaluation.protocol import read_collection
from masking.errors import InvalidConfig
from training.metrics.pairs import EmbeddedFaces
from training.metrics.sampled_pairs import PairBudget


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
            EmbeddedFaces(np.float32(values)[:, None], people, photos)
            for values in ([1, 2, 4], [101, 102, 104])
        )
        pairing = collection.pairing(faces, references, PairBudget(1000, seed=0))
        found = pairing.between(np.array([True, False, False]), photos == 1)
        assert found.genuine.distances.tolist() == [102 - 1]
