import numpy as np
import pytest

from benchmarks.recognition.old_galleries import all_cases
from training.metrics.score_normalization import EmbeddedFaces


def faces(values):
    """Photos 0, 1 of person 0, 2, 3 of person 1: unmasked, then masked, on a line."""
    people = np.array([0, 0, 1, 1] * 2, np.int32)
    photos = np.array([0, 1, 2, 3] * 2, np.int32)
    return EmbeddedFaces(np.float32(values)[:, None], people, photos)


def test_mixed_cases_compare_new_probes_with_the_old_gallery():
    # Old: unmasked faces at 0 and 1, masks pull everybody to 0.7: person 0 looks like
    # 1.
    old = faces([0, 0, 1, 1, 0.7, 0.7, 0.7, 0.7])
    # New: masked faces stay near their unmasked places in the old space.
    new = faces([0.1, 0.1, 1.1, 1.1, 0.2, 0.2, 0.9, 0.9])
    masked = np.arange(8) >= 4
    rows = all_cases(("old", old), ("new", new), masked)
    assert [(r.gallery, r.probes, r.masked) for r in rows] == [
        ("old", "old", True),
        ("old", "new", True),
        ("new", "new", True),
        ("old", "old", False),
        ("old", "new", False),
        ("new", "new", False),
    ]
    # Old masked probes: genuine distances .7 (person 0) and .3, impostors .3 and .7.
    assert rows[0].rank1 == 0.5
    assert rows[0].tar_1e3 == 0.0
    # Mixed: genuine .2 and .1, impostors .8 and .9.
    assert rows[1].rank1 == 1.0 and rows[1].tar_1e3 == 1.0
    assert rows[1].threshold_1e3 == pytest.approx(0.8, abs=1e-6)
    assert rows[1].threshold_1e3 < np.float32(0.8)
    # At 0.6 the old network accepts both at .3: half of each kind.
    assert rows[0].tar_at_dlibs == rows[0].far_at_dlibs == 0.5
    assert rows[1].tar_at_dlibs == 1.0 and rows[1].far_at_dlibs == 0.0
