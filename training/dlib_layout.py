"""The shape of dlib's face network, for every program that runs it.

Source: Davis King, examples/dnn_face_recognition_ex.cpp of dlib.
"""

from __future__ import annotations

DIMENSION = 128
STEM_CHANNELS = 32
HEAD_CHANNELS = 256
# Channels of each block and whether it halves the picture, from the input on.
BLOCKS: tuple[tuple[int, bool], ...] = (
    *[(32, False)] * 3,
    (64, True),
    *[(64, False)] * 3,
    (128, True),
    *[(128, False)] * 2,
    (256, True),
    *[(256, False)] * 2,
    (256, True),
)
