"""The heat is where covering a part changes the distance, and nowhere else."""

import numpy as np
import pytest

from index.identification.cards.occlusion_map import coloured_heat, occlusion_heat
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from tests.fakes.galleries import FakeEmbedder

SIDE = 40


class CornerEmbedder(FakeEmbedder):
    """Embeds a chip as the mean red of its top left quarter."""

    geometry = ChipGeometry(size_px=SIDE)
    calls = 0

    def embed(self, chips: Image) -> Float32:
        self.calls += 1
        corner = chips[:, 0, : SIDE // 2, : SIDE // 2].astype(np.float32)
        return np.asarray(corner.mean(axis=(1, 2))[:, None] / 255, np.float32)


@pytest.fixture
def chip():
    """Black, with a red top left quarter."""
    pixels = np.zeros((3, SIDE, SIDE), np.uint8)
    pixels[0, : SIDE // 2, : SIDE // 2] = 240
    return pixels


def test_heat_lies_on_the_part_that_decides(chip):
    embedder = CornerEmbedder()
    heat = occlusion_heat(chip, np.array([240 / 255], np.float32), embedder)
    assert heat.shape == (SIDE, SIDE)
    assert embedder.calls == 1
    # The patch at the corner takes 100 of 400 px from 240 to the chip's mean, 60.
    change = (180 * 100 / 400 / 255) ** 2
    assert heat[0, 0] == pytest.approx(change, abs=1e-6)
    # A patch has a quarter of the side: this far from the red part none touches it.
    assert (heat[SIDE // 2 + 10 :, :] == 0).all()
    assert (heat[:, SIDE // 2 + 10 :] == 0).all()


def test_what_speaks_against_a_person_is_negative(chip):
    heat = occlusion_heat(chip, np.array([0.0], np.float32), CornerEmbedder())
    assert heat[0, 0] < 0
    assert heat[-1, -1] == 0


def test_colours_say_for_and_against(chip):
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[:, :15], heat[:, -15:] = 0.2, -0.2
    drawn = coloured_heat(grey, heat).astype(int)
    left, middle, right = drawn[20, 2], drawn[20, 20], drawn[20, -3]
    assert left[0] - left[2] > 100
    assert right[2] - right[0] > 80
    assert np.ptp(middle) < 40


def test_noise_stays_pale(chip):
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    quiet = coloured_heat(grey, np.full((SIDE, SIDE), 0.002, np.float32))
    assert np.ptp(quiet.astype(int), axis=2).max() < 25
