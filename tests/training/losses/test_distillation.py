import math

import torch

from training.losses.distillation import (
    class_means,
    distillation_loss,
    prototype_loss,
    squared_distances,
)


def test_squared_distances_by_hand():
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    columns = torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    wanted = torch.tensor([[1.0, 9.0], [18.0, 16.0]])
    torch.testing.assert_close(squared_distances(rows, columns), wanted)


def test_prototype_loss_by_hand():
    # Squared distances 0 and 0.04 at a temperature of 0.04 give logits 0 and -1.
    prototypes = torch.tensor([[0.0, 0.0], [0.2, 0.0]])
    embeddings = torch.zeros(1, 2)
    right = prototype_loss(embeddings, torch.tensor([0]), prototypes)
    wrong = prototype_loss(embeddings, torch.tensor([1]), prototypes)
    softmax = 1 / (1 + math.exp(-1))
    assert abs(float(right) + math.log(softmax)) < 1e-5
    assert abs(float(wrong) + math.log(1 - softmax)) < 1e-5


def test_prototype_loss_pulls_towards_the_own_prototype():
    embeddings = torch.tensor([[0.1, 0.0]], requires_grad=True)
    prototypes = torch.tensor([[0.0, 0.0], [0.5, 0.0]])
    prototype_loss(embeddings, torch.tensor([1]), prototypes).backward()
    assert embeddings.grad is not None
    assert float(embeddings.grad[0, 0]) < 0  # descent moves it to the right


def test_distillation_loss_by_hand():
    embeddings = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    wanted = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    assert float(distillation_loss(embeddings, wanted)) == (4 + 9) / 2


def test_class_means_by_hand():
    rows = torch.tensor([[1.0], [3.0], [10.0]])
    means = class_means(rows, torch.tensor([0, 0, 1]), 2)
    torch.testing.assert_close(means, torch.tensor([[2.0], [10.0]]))
