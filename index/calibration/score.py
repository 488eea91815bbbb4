"""The score: how much nearer a face is than it has to be, in hundredths.

    score = 100 * (threshold - d^2)

d^2 is the squared distance of a face and a template, normalised where the embedder has
a cohort, and then possibly negative: it is never cut. The threshold is that of this
template: of its mask state and the probe's, its photos and the size of the gallery. So
0 is where a name begins to be accepted, higher is closer, and scores of all templates
can be compared.
"""

from __future__ import annotations

import numpy as np

from index.calibration.template_size import Int64, limits_for
from masking.landmarks import Float32
from training.metrics.score_normalization import Float64

_HUNDREDTHS = 100.0


def scores(
    squares: Float32 | float, threshold: float, photos: Int64 | int, spread: float
) -> Float64:
    """Scores of squared distances; -infinite where a square is infinite.

    Args:
        squares: (..., T) to templates.
        threshold: for templates of one photo.
        photos: (..., T) in each template.
        spread: see `template_size`.
    """
    limits = limits_for(threshold, photos, spread)
    return np.asarray(_HUNDREDTHS * (limits - squares))


def shown(score: float) -> str:
    """A score as people read it, with its sign: "+12.3"."""
    digits = 1
    # A score that rounds to the threshold says on which side it is.
    while round(score, digits) == 0 and score < 0 and digits < 6:
        digits += 1
    return f"{score:+.{digits}f}"


def accepted_from(score: float) -> str:
    """The score from which on a name is accepted, as people read it: "0", "+5.0"."""
    return shown(score) if score else "0"
