"""A calibration fitted on drawn people does what it promises on new ones."""

import numpy as np
import pytest

from index.calibration import fit
from index.calibration.calibration import PAIRS
from index.calibration.decision import DecisionPolicy, MeanFaces
from index.calibration.fit import (
    HeldOutFaces,
    OtherPeople,
    TooFewImpostors,
    calibration_error,
    fit_calibration,
)
from index.engines.neighbours import Neighbour
from tests.fakes.drawn_calibrations import flat_calibration
from training.embedders.mask_classifier import MaskState
from training.metrics.score_normalization import EmbeddedFaces

DIMENSION = 16
# A mask adds noise and pulls faces together. A masked reference is a mean of two.
NOISE = {"unmasked": 0.12, "reference": 0.1, "masked": 0.2}
PULL = {"unmasked": 1.0, "reference": 0.9, "masked": 0.8}
# What unmasked and masked probes are compared with.
PROBES, TEMPLATES = ("unmasked", "masked"), ("unmasked", "reference")


def people(rng, count):
    return rng.normal(0, 0.25, (count, DIMENSION))


def seen(rng, middles, kind):
    noise = rng.normal(0, NOISE[kind], middles.shape)
    return (PULL[kind] * middles + noise).astype(np.float32)


def held_out(rng, count=300, photos=2):
    middles = people(rng, count)
    owners = np.repeat(np.arange(count, dtype=np.int32), photos)
    numbers = np.arange(count * photos, dtype=np.int32)
    return HeldOutFaces(
        *(
            EmbeddedFaces(seen(rng, middles[owners], kind), owners, numbers)
            for kind in ("unmasked", "reference", "masked")
        )
    )


def others_of(rng, count):
    middles = people(rng, count)
    return OtherPeople(*(single(seen(rng, middles, kind)) for kind in TEMPLATES))


def single(matrix):
    return MeanFaces(
        matrix, np.ones(len(matrix), dtype=np.int64), np.zeros(len(matrix))
    )


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(0)
    others = others_of(rng, 1000)
    return fit_calibration(held_out(rng, 500), others, "drawn", None)


def nearest_of(templates, impostors):
    """Squared distance of each impostor to the nearest template."""
    templates, impostors = templates.astype(np.float64), impostors.astype(np.float64)
    squares = (impostors**2).sum(1)[:, None] + (templates**2).sum(1)
    return (squares - 2 * impostors @ templates.T).min(axis=1)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("masked_template", [False, True])
@pytest.mark.parametrize("size", [100, 1000])
def test_one_in_a_hundred_new_impostors_is_named(
    calibration, masked, masked_template, size
):
    rng = np.random.default_rng(7)
    templates = seen(rng, people(rng, size), TEMPLATES[masked_template])
    best = nearest_of(templates, seen(rng, people(rng, 4000), PROBES[masked]))
    threshold = calibration.threshold(size, 0.01, masked, masked_template)
    assert 0.005 <= (best < threshold).mean() <= 0.02


def test_thresholds_of_masked_faces_are_measured_on_masked_references():
    rng = np.random.default_rng(8)
    faces, others = held_out(rng, 120), others_of(rng, 300)
    fitted = fit_calibration(faces, others, "drawn", None)
    # References that lie elsewhere change what is compared with them alone.
    far = np.float32(0.1)
    moved = EmbeddedFaces(
        faces.masked_references.embeddings + far,
        faces.masked_references.people,
        faces.masked_references.photos,
    )
    elsewhere = fit_calibration(
        HeldOutFaces(faces.unmasked, moved, faces.masked),
        OtherPeople(others.unmasked, single(others.masked_references.matrix + far)),
        "drawn",
        None,
    )
    for pair in ("unmasked-unmasked", "masked-unmasked"):
        assert elsewhere.thresholds[pair] == fitted.thresholds[pair]
    for masked in (False, True):
        limits = [c.threshold(100, 0.01, masked, True) for c in (fitted, elsewhere)]
        assert limits[1] > limits[0] + 0.01
    assert elsewhere.spread["unmasked"] == fitted.spread["unmasked"]
    assert elsewhere.spread["masked"] != fitted.spread["masked"]
    for pair in ("unmasked-unmasked", "masked-unmasked"):
        assert elsewhere.probability[pair] == fitted.probability[pair]
    assert elsewhere.probability["masked-masked"] != fitted.probability["masked-masked"]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [100, 400])
def test_probabilities_hold_for_new_people(calibration, masked, size):
    rng = np.random.default_rng(9)
    probability, right = [], []
    for _ in range(400 // size):
        middles, impostors = people(rng, size), people(rng, size)
        templates = seen(rng, middles, TEMPLATES[masked])
        policy = DecisionPolicy(calibration, True, size, 0.01)
        names = dict.fromkeys(range(size), "")
        for number, middle in enumerate(np.concatenate([middles, impostors])):
            probe = seen(rng, middle[None], PROBES[masked])
            squares = ((templates - probe) ** 2).sum(axis=1)
            # As many as a search gives.
            nearest = [
                Neighbour(int(place), float(squares[place]), masked)
                for place in squares.argsort()[:60]
            ]
            decided = policy.decide(nearest, names, MaskState(float(masked), 0.0))
            probability.append(decided.probability)
            right.append(decided.matches[0].person_id == number)
    error = calibration_error(np.array(probability), np.array(right), np.ones(800))
    assert error < 0.06  # 800 draws alone give about 0.02
    assert 0.2 < np.mean(right) < 0.5


def test_faces_that_were_not_acquired_do_not_count():
    rng = np.random.default_rng(0)
    faces = held_out(rng, 60)
    others = others_of(rng, 100)
    whole = fit_calibration(faces, others, "drawn", None)
    lost = np.full((1, DIMENSION), np.nan, np.float32)
    more = [
        EmbeddedFaces(
            np.concatenate([part.embeddings, lost]),
            np.append(part.people, np.int32(999)),
            np.append(part.photos, np.int32(999)),
        )
        for part in (faces.unmasked, faces.masked_references, faces.masked)
    ]
    assert fit_calibration(HeldOutFaces(*more), others, "drawn", None) == whole


def test_few_people_follow_the_reference_and_have_no_probability():
    rng = np.random.default_rng(0)
    reference = flat_calibration(0.5, spread=0.1, alike=3.0)
    others = others_of(rng, 150)
    few = fit_calibration(held_out(rng, 6, 3), others, "drawn", reference)
    assert few.probability == {}
    assert few.impostors == 6
    assert few.spread == reference.spread == {"unmasked": 0.1, "masked": 0.2}
    assert few.alike == reference.alike == {"unmasked": 3.0, "masked": 6.0}
    # A flat reference: rare false positives come no nearer than frequent ones.
    assert few.threshold(150, 0.01) == pytest.approx(few.threshold(150, 0.1))


def test_fewer_than_ten_templates_are_left_to_the_reference():
    reference = flat_calibration(0.5)
    for count, measured in ((9, False), (10, True)):
        rng = np.random.default_rng(0)
        # 9 people of 16 photos are 9 * 16 * 8 = 1,152 pairs of impostors: enough.
        fitted = fit_calibration(
            held_out(rng, count, 16), others_of(rng, 0), "drawn", reference
        )
        for pair, table in fitted.thresholds.items():
            assert (table != reference.thresholds[pair]) == measured


def test_too_few_impostors():
    rng = np.random.default_rng(0)
    with pytest.raises(TooFewImpostors, match="1,000 pairs"):
        fit_calibration(held_out(rng, 6, 3), others_of(rng, 0), "", None)
    # 5 people of 50 photos, compared with the 4 others, are just enough.
    fit_calibration(held_out(rng, 5, 50), others_of(rng, 0), "", None)


def test_of_many_templates_ten_thousand_are_measured(monkeypatch):
    assert fit._MOST_TEMPLATES == 10_000
    monkeypatch.setattr(fit, "_MOST_TEMPLATES", 500)
    rng = np.random.default_rng(0)
    unmasked = others_of(rng, 550).unmasked
    none = single(np.zeros((0, DIMENSION), np.float32))
    fitted = fit_calibration(
        held_out(rng, 5, 50), OtherPeople(unmasked, none), "", None
    )
    # And the four other held-out people.
    assert fitted.thresholds["unmasked-unmasked"].measured_size == 504
    assert fitted.thresholds["unmasked-masked"].measured_size == 4


def test_a_gallery_without_masked_references_is_calibrated_on_the_impostors():
    rng = np.random.default_rng(0)
    unmasked = others_of(rng, 100).unmasked
    others = OtherPeople(unmasked, single(np.zeros((0, DIMENSION), np.float32)))
    fitted = fit_calibration(held_out(rng, 60), others, "drawn", None)
    assert set(fitted.probability) == set(PAIRS)
    assert 0.04 < fitted.threshold(50, 0.01, True, True) < 2
