"""The benchmark compares like with like, on people with the measured spread."""

import json

import numpy as np

from benchmarks.shared.embedding_spread import SPREAD_FILE, spread
from benchmarks.shared.synthetic_people import draw_people
from benchmarks.speed.search_speed import (
    ANNOY,
    FACE_RECOGNITION,
    PLAIN,
    measure,
)


def test_drawn_people_have_the_measured_spread():
    record = json.loads(SPREAD_FILE.read_text())
    drawn = draw_people(3000, 2, 2000, seed=3)
    assert drawn.photos.shape == (3000, 2, 512)
    np.testing.assert_allclose(np.linalg.norm(drawn.photos, axis=2), 1, rtol=1e-5)
    np.testing.assert_allclose(
        drawn.templates, drawn.photos.mean(axis=1), rtol=0, atol=1e-6
    )
    # As much alike as measured: both parts together have length 1.
    within = np.square(drawn.photos[:, 0] - drawn.photos[:, 1]).sum(axis=1).mean() / 2
    parts = sum(record["within"]), sum(record["between"])
    np.testing.assert_allclose(within, parts[0] / sum(parts), rtol=0.03)
    own = drawn.templates[drawn.owners]
    own = own / np.linalg.norm(own, axis=1, keepdims=True)
    squares = np.square(drawn.probes - own).sum(axis=1)
    for quantile in (10, 50, 90):
        found, measured = np.percentile(squares, quantile), record["genuine"][quantile]
        assert abs(found - measured) < 0.05
    again = draw_people(3000, 2, 2000, seed=3, keep_photos=False)
    np.testing.assert_array_equal(drawn.probes, again.probes)
    assert again.photos.shape == (0, 2, 512)


def test_spread_by_hand():
    # Two people at +-3 on the first axis, their photos at +-1 on the second, and a
    # mask that adds 5 on the third.
    unmasked = np.array([[3, 1, 0], [3, -1, 0], [-3, 1, 0], [-3, -1, 0]], np.float32)
    found = spread(unmasked, unmasked + np.array([0, 0, 5], np.float32))
    # Of -1 on the second axis, noise, 18 on the first is as much too large.
    np.testing.assert_allclose(found["between"][0], 17, rtol=1e-5)
    assert sorted(np.round(found["within"], 6)) == [0, 0, 2]
    np.testing.assert_allclose(found["shift"], 0, atol=1e-9)
    # The other photo lies 2 away on the second axis, and 5 on the third.
    np.testing.assert_allclose(found["genuine"], 29)
    assert len(found["genuine"]) == 101


def test_ways_answer_alike():
    rows = {row.way: row for row in measure(300)}
    assert list(rows) == [FACE_RECOGNITION, PLAIN, "exact", *ANNOY]
    assert rows[FACE_RECOGNITION].ratio == 1.0
    assert rows["exact"].agrees == rows[PLAIN].agrees == 1.0
    assert rows["exact"].recall == rows[PLAIN].recall > 0.9
    assert rows["annoy"].agrees >= 0.999
    for row in rows.values():
        assert row.ms > 0
