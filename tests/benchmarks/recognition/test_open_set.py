"""The open-set benchmark's rates and split, by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.recognition.open_set import (
    Split,
    distractors,
    galleries_of,
    split_people,
    splits_for,
)
from benchmarks.shared.decided_probes import (
    Decided,
    Probes,
    decide_all,
    figures,
    mean_templates,
)
from index.calibration.calibration import MatchProbability
from index.datasets.embed_views import EmbeddedViews
from masking.datasets.collections import NO_MASK, LabelledPhoto
from tests.fakes.drawn_calibrations import flat_calibration
from training.embedders.mask_classifier import MaskState
from training.metrics.score_normalization import EmbeddedFaces

NAN = float("nan")


def faces(values, people):
    rows = np.array(values, dtype=np.float32)[:, None]
    owners = np.array(people, dtype=np.int32)
    return EmbeddedFaces(rows, owners, np.arange(len(owners), dtype=np.int32))


def templates_of(values, people):
    """The same for unmasked and for masked faces."""
    return mean_templates(faces(values, people), faces(values, people))


def test_templates_are_means_of_what_was_acquired():
    people = [4, 4, 4, 2, 9]
    plain = faces([1, 3, NAN, 7, NAN], people)
    found = mean_templates(plain, faces([11, 15, NAN, 17, NAN], people))
    assert found.people.tolist() == [2, 4]
    assert found.unmasked.matrix[:, 0].tolist() == [7, 2]
    assert found.masked_references.matrix[:, 0].tolist() == [17, 13]
    assert found.unmasked.photos.tolist() == [1, 2]


def test_templates_are_joined_row_by_row():
    one, other = (templates_of([value], [int(value)]) for value in (3.0, 1.0))
    joined = one.joined(other)
    assert joined.people.tolist() == [3, 1]
    assert joined.unmasked.matrix[:, 0].tolist() == [3, 1]
    assert joined.masked_references.matrix[:, 0].tolist() == [3, 1]


def test_probes_are_decided_one_by_one():
    model = MatchProbability(0.0, 1.0, 1.0)
    calibration = flat_calibration(0.25, {"unmasked": model})
    templates = templates_of([0.0, 1.0, 5.0], [0, 1, 2])
    probes = Probes(
        faces([0.4, 1.4, 2.9, NAN], [0, 0, 7, 1]), [MaskState(0.0, 0.0)] * 4
    )
    found = decide_all(probes, templates, calibration, 0.01, False)
    assert found.best.tolist() == [0, 1, 1, -1]
    assert found.named.tolist() == [True, True, False, False]
    assert found.probability[0] == pytest.approx(model.of(9, -11), abs=1e-5)
    assert np.isnan(found.probability[3])
    # As impostors: 0.4 is nearest to 1, 1.4 too.
    strange = decide_all(probes, templates, calibration, 0.01, True)
    assert strange.best.tolist() == [1, 1, 1, -1]
    assert strange.named.tolist() == [False, True, False, False]


def test_means_of_several_photos_have_to_be_nearer():
    calibration = flat_calibration(0.25, spread=0.4)
    templates = templates_of([-0.5, 0.5, 3.0], [0, 0, 1])
    probes = Probes(faces([0.44, 0.46], [0, 0]), [MaskState(0.0, 0.0)] * 2)
    found = decide_all(probes, templates, calibration, 0.01, False)
    # 0.25 * (1 - 0.4 / 2) = 0.2 = 0.447^2.
    assert found.named.tolist() == [True, False]


def test_masked_probes_are_compared_with_masked_references():
    unmasked, masked = MaskState(0.1, 0.0), MaskState(0.9, 0.0)
    people = [0, 1]
    templates = mean_templates(faces([0.0, 2.0], people), faces([2.0, 0.0], people))
    probes = Probes(faces([0.3, 0.3, 1.7, 1.7], [0, 1, 1, 0]), [unmasked, masked] * 2)
    calibration = flat_calibration(0.16)
    found = decide_all(probes, templates, calibration, 0.01, False)
    # Under their masks both look like the other one does without.
    assert found.best.tolist() == [0, 1, 1, 0]
    assert found.named.all()
    # The threshold is that of such a template: 0.3 is too far.
    strict = flat_calibration(0.16, masked_masked=0.04)
    found = decide_all(probes, templates, strict, 0.01, False)
    assert found.named.tolist() == [True, False, True, False]


def test_people_without_a_unmasked_photo_are_compared_as_masked():
    unmasked, masked = MaskState(0.1, 0.0), MaskState(0.9, 0.0)
    worn = faces([0.0, 2.0], [0, 1])
    templates = mean_templates(worn, worn, only_masked=True)
    probes = Probes(faces([0.3, 0.3], [0, 0]), [unmasked, masked])
    calibration = flat_calibration(0.01, unmasked_masked=0.16, masked_masked=0.04)
    found = decide_all(probes, templates, calibration, 0.01, False)
    assert found.named.tolist() == [True, False]
    assert templates.joined(templates).only_masked


def test_rates_weigh_people_alike_and_count_what_was_not_found():
    known = Decided(
        best=np.array([0, 0, 3, -1]),
        named=np.array([True, False, True, False]),
        probability=np.array([1.0, 1.0, 0.0, NAN]),
        people=np.array([0, 0, 1, 2]),
    )
    impostors = Decided(
        # The last is nearest to somebody who fills up the gallery.
        best=np.array([0, 1, -2]),
        named=np.array([True, False, False]),
        probability=np.array([0.0, 0.0, 0.0]),
        people=np.array([5, 5, 6]),
    )
    found = figures("net", "masked", 3, known, impostors)
    assert (found.rank_1, found.tpir) == pytest.approx((1 / 3, 1 / 6))
    assert found.fpir == pytest.approx(0.25)
    assert (found.mated, found.impostors) == (3, 2)
    assert found.not_found == pytest.approx(1 / 7)
    assert found.calibration_error == pytest.approx(0.0)


def test_people_are_split_and_half_of_the_photos_enrolled():
    photos = [
        LabelledPhoto(Path(f"{p}/{n}.jpg"), f"{p}/{n}.jpg", f"P{p}")
        for p in range(6)
        for n in range(3)
    ]
    twice = np.repeat(np.arange(18, dtype=np.int32), 2)
    masks = (NO_MASK, "cloth") * 18
    views = EmbeddedViews(twice, masks, ("",) * 36, ("",) * 36, (), ())
    split = split_people(photos, views, 4, seed=0)
    assert sorted([*split.mated, *split.impostors]) == list(range(6))
    assert len(split.impostors) == 2
    for person in split.mated:
        own = split.people == person
        assert (split.enrolled & own).sum() == 2
        assert (split.probes & own).sum() == 2  # the third photo, unmasked and masked
    for person in split.impostors:
        assert (split.probes & (split.people == person)).sum() == 6
    assert not (split.enrolled & views.masked).any()
    worn = split_people(photos, views, 4, seed=0, enroll_masked=True)
    assert (worn.enrolled == np.roll(split.enrolled, 1)).all()
    np.testing.assert_array_equal(worn.probes, split.probes)
    enrolled = set(views.photos[split.enrolled].tolist())
    assert not enrolled & set(views.photos[split.probes].tolist())


def test_so_many_photos_of_each_who_has_more_are_enrolled():
    names = ["Ann"] * 2 + ["Bea"] * 4 + ["Cleo"] * 3 + ["Dora"] * 5
    photos = [
        LabelledPhoto(Path(f"{n}.jpg"), f"{n}.jpg", name)
        for n, name in enumerate(names)
    ]
    views = EmbeddedViews(
        np.arange(14, dtype=np.int32), (NO_MASK,) * 14, ("",) * 14, ("",) * 14, (), ()
    )
    split = split_people(photos, views, 4, seed=0, enrolled_photos=3)
    assert sorted(split.mated) == [1, 3]
    enrolled, probes = (
        np.bincount(split.people[rows], minlength=4).tolist()
        for rows in (split.enrolled, split.probes)
    )
    assert (enrolled, probes) == ([0, 3, 0, 3], [2, 1, 3, 2])


def test_few_large_galleries_are_drawn_several_times():
    assert splits_for(1000, 1000, 5) == 5
    assert splits_for(1000, 100, 5) == 1
    assert splits_for(1000, 300, 5) == 2
    assert splits_for(1000, 5000, 5) == 5  # filled up: one gallery a split


def test_galleries_take_the_people_of_each_split_in_turn():
    nobody = np.zeros(0, dtype=bool)

    def split(mated):
        people = np.array(mated, dtype=np.int32)
        return Split(people, people, people, nobody, nobody)

    one, other = split([5, 1, 3, 2, 4]), split([9, 8, 7, 6, 0])
    found = [
        (whole is one, members.tolist())
        for whole, members in galleries_of([one, other], 2)
    ]
    assert found == [
        (True, [5, 1]),
        (True, [3, 2]),
        (False, [9, 8]),
        (False, [7, 6]),
    ]
    whole = [members.tolist() for _, members in galleries_of([one, other], 100)]
    assert whole == [[5, 1, 3, 2, 4], [9, 8, 7, 6, 0]]


def test_a_distractor_fills_up_by_the_first_photo():
    photos = [
        LabelledPhoto(Path(f"{person}/{number}.jpg"), str(number), person)
        for person in ("Ann", "Ben", "Cal")
        for number in (1, 2)
    ]
    found = distractors(photos, {"Ann", "Cal"})
    assert [str(photo.path) for photo in found] == ["Ann/1.jpg", "Cal/1.jpg"]
