"""Tracks join by place, time and likeness; each face belongs to one."""

import numpy as np
import pytest

from index.identification.video.tracks import (
    TrackJoiner,
    VideoFace,
    intersection_over_union,
)
from masking.faces.finder import AlignedFace
from masking.landmarks import FaceBox
from training.embedders.embedded_face import EmbeddedFace

FRAME = np.zeros((10, 10, 3), np.uint8)
CHIP = np.zeros((3, 4, 4), np.uint8)


def box(left, side=100.0):
    return FaceBox(left, 0.0, left + side, side, 1.0, "drawn")


def seen(time_s, left, embedding=(0.0, 0.0), side=100.0):
    row = np.float32(embedding)
    face = AlignedFace("video", box=box(left, side), crops=(CHIP,))
    return VideoFace(time_s, EmbeddedFace(face, row), FRAME)


def joiner():
    return TrackJoiner(same_person=0.36)  # 0.6 squared


def test_intersection_over_union():
    # 50 of 100 columns are shared: 5,000 of 15,000 px.
    assert intersection_over_union(box(0), box(50)) == pytest.approx(1 / 3)
    assert intersection_over_union(box(0), box(100)) == 0
    assert intersection_over_union(box(0), box(0)) == 1
    assert intersection_over_union(box(0, 0.0), box(0, 0.0)) == 0


def test_a_moving_face_is_one_track_with_the_mean_of_its_embeddings():
    tracks = joiner()
    for step in range(4):
        assert (
            tracks.add(step / 10, [seen(step / 10, 20 * step, (0.1 * step, 0))]) == []
        )
    (track,) = tracks.close()
    assert (track.number, track.count) == (1, 4)
    assert (track.first_s, track.last_s) == (0.0, pytest.approx(0.3))
    np.testing.assert_allclose(track.embedding, [0.15, 0], atol=1e-6)
    assert tracks.close() == []


def test_the_largest_face_is_kept():
    tracks = joiner()
    for side in (100.0, 130.0, 110.0):
        tracks.add(0, [seen(0, 0, side=side)])
    (track,) = tracks.close()
    assert track.best.box.right == 130


def test_two_faces_side_by_side_are_two_tracks():
    tracks = joiner()
    for step in range(3):
        faces = [seen(step / 10, 0, (0, 0)), seen(step / 10, 60, (0.3, 0))]
        # In any order.
        tracks.add(step / 10, faces[:: 1 if step % 2 else -1])
    ended = tracks.close()
    assert sorted(track.count for track in ended) == [3, 3]
    assert sorted(float(track.embedding[0]) for track in ended) == [
        pytest.approx(0, abs=1e-6),
        pytest.approx(0.3, abs=1e-6),
    ]


def test_a_face_that_is_away_too_long_starts_again():
    tracks = joiner()
    tracks.add(0.0, [seen(0.0, 0)])
    assert tracks.add(0.5, []) == []
    assert tracks.add(1.0, [seen(1.0, 0)]) == []
    assert tracks.add(1.5, []) == []
    (ended,) = tracks.add(2.1, [seen(2.1, 0)])
    assert (ended.number, ended.count, ended.last_s) == (1, 2, 1.0)
    (second,) = tracks.close()
    assert second.number == 2


def test_a_cut_to_another_face_in_the_same_place_is_another_track():
    tracks = joiner()
    tracks.add(0.0, [seen(0.0, 0, (0, 0))])
    tracks.add(0.1, [seen(0.1, 0, (0.59, 0))])
    # From the mean of the two, (0.295, 0), this one is 0.605 away.
    tracks.add(0.2, [seen(0.2, 0, (0.9, 0))])
    assert [track.count for track in tracks.close()] == [2, 1]


def test_memory_does_not_grow_with_the_video():
    tracks, ended = joiner(), 0
    for step in range(300):
        # A new face every ten frames, each far from the last one.
        faces = [seen(step / 10, 1000 * (step // 10))]
        ended += len(tracks.add(step / 10, faces))
        assert len(tracks._open) <= 2
    assert ended + len(tracks.close()) == 30
