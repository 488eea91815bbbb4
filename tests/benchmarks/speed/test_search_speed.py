"""The benchmark compares like with like, on people with the measured spread."""

import json

import numpy as np

from benchmarks.shared.embedding_spread import SPREAD_FILE, spread
from benchmarks.shared.synthetic_people import draw_people
from benchmarks.speed.enroll_speed import measure_enroll
from benchmarks.speed.search_speed import ANNOY, FACE_RECOGNITION, PLAIN, measure


def test_drawn_people_have_the_measured_spread():
    record = json.loads(SPREAD_FILE.read_text())
    drawn = draw_people(4000, 2, 2000, seed=3)
    assert drawn.photos.shape == (4000, 2, 128)
    np.testing.assert_allclose(
        drawn.templates, drawn.photos.mean(axis=1), rtol=0, atol=1e-6
    )
    within = (drawn.photos[:, 0] - drawn.photos[:, 1]).var(axis=0) / 2
    np.testing.assert_allclose(within.sum(), sum(record["within"]), rtol=0.03)
    between = drawn.templates.var(axis=0) - within / 2
    np.testing.assert_allclose(between.sum(), sum(record["between"]), rtol=0.03)
    moved = (drawn.probes - drawn.templates[drawn.owners]).mean(axis=0)
    np.testing.assert_allclose(moved, record["shift_mean"], rtol=0, atol=0.01)
    again = draw_people(4000, 2, 2000, seed=3)
    np.testing.assert_array_equal(drawn.probes, again.probes)


def test_spread_by_hand():
    # Two people at +-3 on the first axis, their photos at +-1 on the second, and a
    # mask that adds 5 on the third.
    unmasked = np.array([[3, 1, 0], [3, -1, 0], [-3, 1, 0], [-3, -1, 0]], np.float32)
    found = spread(unmasked, unmasked + np.array([0, 0, 5], np.float32))
    np.testing.assert_allclose(found["between"][0], 18)
    assert sorted(np.round(found["within"], 6)) == [0, 0, 2]
    assert sorted(np.abs(np.round(found["shift_mean"], 6))) == [0, 0, 5]
    np.testing.assert_allclose(found["shift"], 0, atol=1e-9)


def test_ways_answer_alike():
    rows = {row.way: row for row in measure(300, milvus_up_to=0)}
    assert list(rows) == [FACE_RECOGNITION, PLAIN, "exact", *ANNOY]
    assert rows[FACE_RECOGNITION].ratio == 1.0
    assert rows["exact"].agrees == rows[PLAIN].agrees == 1.0
    assert rows["exact"].recall == rows[PLAIN].recall > 0.9
    assert rows["annoy"].agrees >= 0.999
    for row in rows.values():
        assert row.ms > 0


def test_one_more_person_is_found():
    figures = measure_enroll(30)
    assert (figures.people, figures.times) == (30, 20)
    assert 0 < figures.found_ms < figures.slowest_ms
