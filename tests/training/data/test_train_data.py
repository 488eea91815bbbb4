from typing import Any, cast

import numpy as np
import pytest
import torch

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry
from training.config import TrainConfig
from training.data import train_data
from training.data.train_data import (
    Targets,
    read_train_data,
    trust_in,
    validation_people,
)

NAMES = [f"Person_{number % 200:03d}" for number in range(600)]


def test_photos_of_a_person_stay_together():
    is_held_out = validation_people(NAMES, 0.1, seed=0)
    sides = {name: set() for name in NAMES}
    for name, side in zip(NAMES, is_held_out, strict=True):
        sides[name].add(bool(side))
    assert all(len(seen) == 1 for seen in sides.values())


@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_the_fraction_is_that_of_the_people(fraction):
    people = [str(number) for number in range(20_000)]
    # One standard error of 20,000 draws is .003 at most.
    found = validation_people(people, fraction, seed=0).mean()
    assert found == pytest.approx(fraction, abs=0.01)


def test_new_people_move_nobody():
    before = validation_people(NAMES, 0.3, seed=1)
    after = validation_people([*NAMES, "Person_900", "Person_901"], 0.3, seed=1)
    np.testing.assert_array_equal(after[: len(NAMES)], before)


def test_another_seed_keeps_out_others():
    first = validation_people(NAMES, 0.3, seed=0)
    second = validation_people(NAMES, 0.3, seed=1)
    assert (first != second).any()


def test_too_few_people_are_refused():
    with pytest.raises(InvalidConfig, match="3 people"):
        validation_people(["a", "b", "c"], 0.5, seed=0)


def test_small_collections_keep_two_people_on_each_side():
    for fraction in (0.001, 0.999):
        is_held_out = validation_people(["a", "b", "c", "d", "d"], fraction, seed=0)
        people = {name for name, out in zip("abcdd", is_held_out, strict=True) if out}
        assert len(people) == 2


def test_names_of_folders_need_not_be_utf8():
    names = [f"P{number}\udcff" for number in range(20) for _ in range(2)]
    out = validation_people(names, 0.3, 0)
    assert 2 <= out.sum() <= 36


def test_a_real_mask_is_drawn_to_the_persons_unmasked_mean():
    embeddings = torch.tensor([[0.0, 0.0], [2.0, 0.0], [5.0, 1.0], [9.0, 9.0]])
    masked = torch.tensor([False, False, False, True])
    targets = Targets.of(embeddings, torch.tensor([0, 0, 1, 0]), masked)
    assert targets.prototypes.tolist() == [[1, 0], [5, 1]]
    assert targets.wanted.tolist() == [[0, 0], [2, 0], [5, 1], [1, 0]]
    assert targets.trust.tolist() == [1, 1]


def test_a_teacher_counts_less_where_it_crowds_people():
    # 30 people a unit apart from each other, 12 half as far.
    prototypes = torch.eye(42)
    prototypes[30:] /= 2
    trust = trust_in(prototypes)
    # Squared distances: 2 among the first, 1/2 among the others, 1.25 across.
    # The first have ten of the crowded ones nearest, which is the median.
    torch.testing.assert_close(trust[:30], torch.ones(30))
    crowded = (0.5 / (0.7 * 1.25)) ** 3
    torch.testing.assert_close(trust[30:], torch.full((12,), crowded))


def row(name, identity, **changes):
    return ManifestRow(
        name, identity, "", chip=f"{name}.jpg", collection=name[0], **changes
    )


def test_masked_photos_join_their_people_and_small_collections_count_more(tmp_path):
    rows = [row(f"a{n}", f"P{n // 2}") for n in range(16)]
    rows += [row("b0", "Q0"), row("b1", "Q0", wears_mask=True)]
    rows += [row("b2", "Q1", wears_mask=True)]
    manifest = Manifest(tmp_path, {}, ChipGeometry(), rows, "")
    config = TrainConfig(validation_fraction=0.01)
    data = read_train_data(manifest, config, None, 0, tmp_path)
    names = [each.photo_id for each in data.rows]
    held = {each.identity for each in data.held_out}
    assert len(held) == 2 and not any(each.wears_mask for each in data.held_out)
    # Nobody knows how Q1 looks.
    assert "b2" not in names and len(names) == len(set(names))
    masked = [names[place] for place in np.flatnonzero(data.wears_mask)]
    assert masked == ([] if "Q0" in held else ["b1"])
    assert data.collections.tolist() == [name[0] for name in names]


def test_faces_without_names_follow_the_teacher_alone(tmp_path, monkeypatch, caplog):
    rows = [row(f"a{n}", f"P{n // 2}") for n in range(16)]
    rows += [row("u0", ""), row("u1", ""), row("u2", "", wears_mask=True)]
    manifest = Manifest(tmp_path, {}, ChipGeometry(), rows, "")
    config = TrainConfig(validation_fraction=0.01)
    seen = np.arange(18, dtype=np.float32)[:, None]
    monkeypatch.setattr(train_data, "unmasked_embeddings", lambda *args: seen)
    data = read_train_data(manifest, config, cast(Any, object()), 0, tmp_path)
    assert data.labels.tolist()[-2:] == [-1, -1] and data.people == 6
    assert [each.photo_id for each in data.rows[-2:]] == ["u0", "u1"]
    assert len(data.rows) == 14
    assert data.targets.prototypes.shape == (6, 1)
    assert data.targets.wanted[-2:].ravel().tolist() == [16, 17]
    assert all(each.identity for each in data.held_out)
    assert not caplog.messages
    alone = read_train_data(manifest, config, None, 0, tmp_path)
    assert len(alone.rows) == 12
    assert caplog.messages[0].startswith("2 faces without names left out")
