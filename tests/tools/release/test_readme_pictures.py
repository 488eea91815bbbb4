"""The pictures of README show the sample as it is rendered today."""

from pathlib import Path

import numpy as np

from index.commands.demo import masked_copy
from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from tools.release.readme_pictures import PROBE_PERSON, PROBE_PHOTO

ROOT = Path(__file__).resolve().parents[3]


def test_the_probe_is_a_masked_person_of_the_sample(tmp_path):
    kept = read_rgb(ROOT / "masked.jpg").astype(np.int16)
    photo = sample_people() / PROBE_PERSON / PROBE_PHOTO
    rendered = read_rgb(masked_copy(photo, tmp_path / "masked.jpg")).astype(np.int16)
    assert kept.shape == rendered.shape == (250, 250, 3)
    # JPEG loses a little; another photo or a mask elsewhere would differ by tens.
    assert np.abs(kept - rendered).mean() < 4
