import pytest
import torch

from training.backbones.base import FaceNetwork
from training.run.state import AveragedWeights


class OneWeight(FaceNetwork):
    """A network that is one number, beside a running figure of ten times that."""

    def __init__(self, value):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([float(value)]))
        self.register_buffer("mean", torch.tensor([float(value)]))

    def become(self, value):
        with torch.no_grad():
            self.weight.fill_(value)
            self.mean.fill_(10 * value)


def averaged(decay, *values, blend=1.0, start=0.0):
    network = OneWeight(start)
    average = AveragedWeights(network, OneWeight(start).state_dict(), decay, blend)
    for value in values:
        network.become(value)
        average.update(network)
    return average


def test_the_average_by_hand():
    # The first step's 1, then .15 of what was and .85 of 3, then of 5.
    found = averaged(0.15, 1.0, 3.0, 5.0).result()
    assert found["weight"].item() == pytest.approx(0.15 * (0.15 + 0.85 * 3) + 0.85 * 5)
    assert found["mean"].item() == pytest.approx(10 * found["weight"].item())


def test_the_first_steps_are_soon_forgotten_whatever_the_decay():
    # Decays of 2/11 and 3/12 where .999 would have kept the first step.
    second = 2 / 11 * 1 + 9 / 11 * 3
    found = averaged(0.999, 1.0, 3.0, 7.0).result()
    assert found["weight"].item() == pytest.approx(second / 4 + 7 * 3 / 4)


def test_no_decay_is_the_last_step():
    assert averaged(0.0, 1.0, 3.0).result()["weight"].item() == 3.0


def test_the_blend_lies_between_the_start_and_the_average():
    found = averaged(0.0, 4.0, blend=0.75, start=2.0).result()
    assert found["weight"].item() == 0.25 * 2 + 0.75 * 4


def test_a_saved_average_goes_on_with_the_same_decays():
    whole = averaged(0.999, 1.0, 3.0, 7.0)
    resumed = averaged(0.999)
    resumed.load(averaged(0.999, 1.0, 3.0).state())
    resumed.update(OneWeight(7.0))
    assert torch.equal(whole.result()["weight"], resumed.result()["weight"])
