"""Which pairs are shown, with answers by hand."""

import numpy as np

from index.evaluation.worst_errors import WorstPair, worst_pairs
from training.metrics.pairs import EmbeddedFaces, compare_within

# Person 0 at 0, 1, 9; person 1 at 2, 20; person 2 at 30 and lost.
FACES = EmbeddedFaces(
    np.array([0, 1, 9, 2, 20, 30, np.nan], np.float32)[:, None],
    np.array([0, 0, 0, 1, 1, 2, 2], np.int32),
    np.arange(10, 17, dtype=np.int32),
)


def test_two_people_are_shown_once():
    worst = worst_pairs(compare_within(FACES), 5)
    # 1-2 are closer than 0-2 and 9-2, pairs of the same people.
    assert worst.closest_impostors == (
        WorstPair(1.0, 11, 13),
        WorstPair(10.0, 14, 15),
        WorstPair(21.0, 12, 15),
    )
    # 30 and the lost face are no pair to look at.
    assert worst.farthest_genuine == (WorstPair(18.0, 13, 14), WorstPair(9.0, 10, 12))


def test_no_more_are_shown_than_asked_for():
    worst = worst_pairs(compare_within(FACES), 1)
    assert worst.closest_impostors == (WorstPair(1.0, 11, 13),)
    assert worst.farthest_genuine == (WorstPair(18.0, 13, 14),)
    nothing = worst_pairs(compare_within(FACES), 0)
    assert nothing.closest_impostors == nothing.farthest_genuine == ()
