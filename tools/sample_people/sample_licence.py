"""The note that lies beside the embedded sample."""

from __future__ import annotations

import textwrap

from tools.sample_people.album import STRANGER_QUANTILE, SampleReport

_TEXT = """\
The people in these pictures do not exist. tools/sample_people/make_sample.py drew
them from a statistical face model, whose mean and components are averages over 2,500
photographs of "Labeled Faces in the Wild" (people of its DevTrain list). No
photograph, and no part of one, is contained.

How alike they are to the photographs was measured with dlib's face embedder.
The nearest training photograph of any picture here is at distance {nearest:.3f}
(median over the pictures: {median:.3f}). Of real photographs, {quantile:.0%}
have a stranger's photograph nearer than {limit:.3f}; people drawn nearer than
that were thrown away. No training photograph has more than {share:.2%} of the
weights that a face is mixed with.

As far as there are rights in these pictures, they are dedicated to the public
domain under CC0 1.0: https://creativecommons.org/publicdomain/zero/1.0/
"""


def licence_text(report: SampleReport) -> str:
    """The note, with the figures of the report."""
    ordered = sorted(report.nearest)
    filled = _TEXT.format(
        nearest=ordered[0],
        median=ordered[len(ordered) // 2],
        quantile=STRANGER_QUANTILE,
        limit=report.limit,
        share=max(report.largest_shares),
    )
    paragraphs = [textwrap.fill(part, 78) for part in filled.split("\n\n")]
    return "\n\n".join(paragraphs) + "\n"
