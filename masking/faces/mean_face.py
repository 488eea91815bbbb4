"""The frontal face that masks are drawn on and chips are aligned to.

The coordinates are fractions of the face square: x to the person's left, y down,
(0, 0) and (1, 1) its corners. A chip with padding p shows the square from -p
to 1 + p.
"""

from __future__ import annotations

import numpy as np

from masking.landmarks import Float32

# Median of dlib's 68 points over 516 near-frontal LFW DevTrain faces, each in
# the frame of dlib's own face chip, then made symmetric about x = 0.5.
CANONICAL_FACE: Float32 = np.array(
    [
        (-0.116, 0.230),
        (-0.107, 0.395),
        (-0.090, 0.557),
        (-0.066, 0.716),
        (-0.012, 0.867),
        (0.076, 1.000),
        (0.195, 1.112),
        (0.338, 1.199),
        (0.500, 1.224),
        (0.662, 1.199),
        (0.805, 1.112),
        (0.924, 1.000),
        (1.012, 0.867),
        (1.066, 0.716),
        (1.090, 0.557),
        (1.107, 0.395),
        (1.116, 0.230),
        (0.004, 0.126),
        (0.077, 0.055),
        (0.183, 0.030),
        (0.296, 0.042),
        (0.400, 0.081),
        (0.600, 0.081),
        (0.704, 0.042),
        (0.817, 0.030),
        (0.923, 0.055),
        (0.996, 0.126),
        (0.500, 0.197),
        (0.500, 0.302),
        (0.500, 0.406),
        (0.500, 0.512),
        (0.378, 0.580),
        (0.436, 0.602),
        (0.500, 0.621),
        (0.564, 0.602),
        (0.622, 0.580),
        (0.132, 0.222),
        (0.196, 0.188),
        (0.272, 0.188),
        (0.339, 0.231),
        (0.266, 0.244),
        (0.193, 0.245),
        (0.661, 0.231),
        (0.728, 0.188),
        (0.804, 0.188),
        (0.868, 0.222),
        (0.807, 0.245),
        (0.734, 0.244),
        (0.264, 0.790),
        (0.350, 0.746),
        (0.434, 0.726),
        (0.500, 0.741),
        (0.566, 0.726),
        (0.650, 0.746),
        (0.736, 0.790),
        (0.655, 0.872),
        (0.571, 0.909),
        (0.500, 0.915),
        (0.429, 0.909),
        (0.345, 0.872),
        (0.303, 0.791),
        (0.433, 0.775),
        (0.500, 0.782),
        (0.567, 0.775),
        (0.697, 0.791),
        (0.569, 0.830),
        (0.500, 0.837),
        (0.431, 0.830),
    ],
    dtype=np.float32,
)
CANONICAL_FACE.setflags(write=False)

# How far each point lies towards the camera, face squares, the outer corners of
# the eyes at 0. Tomasi & Kanade's factorisation ("Shape and motion from image
# streams under orthography", IJCV 1992) of the points of 400 LFW DevTrain people,
# made symmetric; the three axes leave .003 of the face square unexplained. Small
# turns of the head say little of the scale of the depth: it is set so that the tip
# of the nose lies .29 face squares (36 mm) in front of the outer corners of the eyes.
# fmt: off
CANONICAL_DEPTH: Float32 = np.array(
    [
        -0.357, -0.34, -0.33, -0.315, -0.269, -0.199, -0.114, -0.031, -0.001,
        -0.031, -0.114, -0.199, -0.269, -0.315, -0.33, -0.34, -0.357, -0.046,
        0.021, 0.078, 0.124, 0.154, 0.154, 0.124, 0.078, 0.021, -0.046,
        0.158, 0.2, 0.248, 0.293, 0.153, 0.179, 0.196, 0.179, 0.153,
        0.0, 0.035, 0.046, 0.039, 0.039, 0.029, 0.039, 0.046, 0.035,
        0.0, 0.029, 0.039, -0.009, 0.088, 0.143, 0.151, 0.143, 0.088,
        -0.009, 0.057, 0.105, 0.112, 0.105, 0.057, 0.004, 0.127, 0.138,
        0.127, 0.004, 0.11, 0.119, 0.11,
    ],
    dtype=np.float32,
)
# fmt: on
CANONICAL_DEPTH.setflags(write=False)

# dlib's chips show the middle of the face this much left of their own middle,
# measured on the same faces. Networks trained on dlib's chips expect it.
DLIB_SHIFT_X = -0.0106
