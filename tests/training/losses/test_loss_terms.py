import math
from typing import Any

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss

from training.distributed import Processes
from training.losses.loss_terms import (
    HEADS,
    HeadSetting,
    class_means,
    distillation_loss,
    prototype_loss,
    squared_distances,
)
from training.losses.margin_softmax import (
    MARGINS,
    AdaFace,
    ArcFace,
    CosFace,
    first_weights,
)

ONE = torch.ones(1)


def test_squared_distances_by_hand():
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    columns = torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    wanted = torch.tensor([[1.0, 9.0], [18.0, 16.0]])
    torch.testing.assert_close(squared_distances(rows, columns), wanted)


def test_prototype_loss_by_hand():
    # Squared distances 0 and 0.04 at a temperature of 0.04 give logits 0 and -1.
    prototypes = torch.tensor([[0.0, 0.0], [0.2, 0.0]])
    embeddings = torch.zeros(1, 2)
    right = prototype_loss(embeddings, torch.tensor([0]), prototypes, ONE)
    wrong = prototype_loss(embeddings, torch.tensor([1]), prototypes, ONE)
    softmax = 1 / (1 + math.exp(-1))
    assert abs(float(right) + math.log(softmax)) < 1e-5
    assert abs(float(wrong) + math.log(1 - softmax)) < 1e-5
    half = prototype_loss(embeddings, torch.tensor([1]), prototypes, ONE / 2)
    assert float(half) == float(wrong) / 2


def test_prototype_loss_pulls_towards_the_own_prototype():
    embeddings = torch.tensor([[0.1, 0.0]], requires_grad=True)
    prototypes = torch.tensor([[0.0, 0.0], [0.5, 0.0]])
    prototype_loss(embeddings, torch.tensor([1]), prototypes, ONE).backward()
    assert embeddings.grad is not None
    assert float(embeddings.grad[0, 0]) < 0  # descent moves it to the right


def test_distillation_loss_by_hand():
    embeddings = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    wanted = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    whole, half = torch.ones(2), torch.tensor([1.0, 0.5])
    assert float(distillation_loss(embeddings, wanted, whole)) == (4 + 9) / 2
    assert float(distillation_loss(embeddings, wanted, half)) == (4 + 4.5) / 2


def test_class_means_by_hand():
    rows = torch.tensor([[1.0], [3.0], [10.0]])
    means = class_means(rows, torch.tensor([0, 0, 1]), 2)
    torch.testing.assert_close(means, torch.tensor([[2.0], [10.0]]))


def setting(**changes):
    usual: dict[str, Any] = {
        "classes": 3,
        "dimension": 2,
        "margin": 0.0,
        "scale": 64.0,
        "processes": Processes(),
        "seed": 0,
    }
    return HeadSetting(**(usual | changes))


def test_arcface_turns_and_goes_straight_on_past_the_end():
    margin = ArcFace(math.pi / 6)
    cosines = torch.tensor([0.5, -1.0])  # 60 and 180 degrees
    found = margin(cosines, torch.ones(2))
    # cos(90 degrees); beyond 150 degrees: cos - m sin(m).
    wanted = [0.0, -1.0 - math.pi / 6 * 0.5]
    torch.testing.assert_close(found, torch.tensor(wanted), atol=1e-5, rtol=0)


def test_cosface_takes_the_margin_off():
    found = CosFace(0.0)(torch.tensor([0.5]), torch.ones(1))
    assert found.item() == pytest.approx(0.5 - 0.35)


def test_adaface_asks_more_of_long_features_by_hand():
    margin = AdaFace(0.4, h=1 / 3).eval()
    margin.mean.fill_(10.0)
    margin.deviation.fill_(2.0 - 1e-3)
    # Lengths of 1.5 deviations above and below: z = +-.5; and far above: z = 1.
    found = margin(torch.full((3,), 0.5), torch.tensor([13.0, 7.0, 90.0]))
    third = math.pi / 3
    wanted = [
        math.cos(third - 0.2) - 0.6,
        math.cos(third + 0.2) - 0.2,
        math.cos(third - 0.4) - 0.8,
    ]
    torch.testing.assert_close(found, torch.tensor(wanted), atol=1e-5, rtol=0)


def test_adafaces_figures_run_slowly_in_training_only():
    margin = AdaFace(0.0)
    lengths = torch.tensor([10.0, 14.0])  # mean 12, deviation sqrt(8)
    margin(torch.zeros(2), lengths)
    assert margin.mean.item() == pytest.approx(0.99 * 20 + 0.01 * 12)
    assert margin.deviation.item() == pytest.approx(99 + 0.01 * math.sqrt(8), rel=1e-5)
    margin.eval()(torch.zeros(2), lengths)
    assert margin.mean.item() == pytest.approx(0.99 * 20 + 0.01 * 12)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("arcface", lambda: ArcFaceLoss(5, 4, margin=math.degrees(0.5), scale=16)),
        ("cosface", lambda: CosFaceLoss(5, 4, margin=0.35, scale=16)),
    ],
)
def test_margin_heads_agree_with_pytorch_metric_learning(name, peer):
    head = HEADS[name](setting(classes=5, dimension=4, scale=16.0))
    other = peer()
    with torch.no_grad():
        other.W.copy_(head.weight.T)
    features = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    features.requires_grad_()
    labels = torch.tensor([0, 1, 2, 3, 4, 4])
    loss = head(features, labels)
    wanted = other(features, labels)
    torch.testing.assert_close(loss, wanted)
    (ours,) = torch.autograd.grad(loss, features, retain_graph=True)
    (theirs,) = torch.autograd.grad(wanted, features)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
    loss.backward()
    assert head.weight.grad.abs().min() > 0


def test_first_weights_are_those_of_the_class():
    whole = first_weights(range(0, 70000), 2, seed=1)
    assert torch.equal(first_weights(range(65530, 65540), 2, 1), whole[65530:65540])
    assert not torch.equal(first_weights(range(0, 4), 2, seed=2), whole[:4])
    assert whole.std().item() == pytest.approx(0.01, rel=0.05)


def test_margin_heads_begin_at_given_directions():
    directions = torch.eye(3)[:, :2] + 0.1
    head = HEADS["adaface"](setting(directions=directions))
    assert torch.equal(head.state_dict()["weight"], directions)
    assert set(MARGINS) <= set(HEADS)


def test_triplets_by_hand():
    head = HEADS["triplet"](setting(margin=0.2))
    # On the unit circle at 0, 30, 60 degrees: the impostor is farther than the
    # positive by less than the margin for the middle one only.
    angles = torch.deg2rad(torch.tensor([0.0, 30.0, 62.0]))
    features = 3 * torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.tensor([0, 0, 1])

    def chord(degrees):
        return 2 * math.sin(math.radians(degrees) / 2)

    wanted = 0.2 + chord(30) - chord(32)
    assert head(features, labels).item() == pytest.approx(wanted, abs=1e-5)
    assert chord(62) > 0.2 + chord(30)  # the other triplet asks for nothing


def test_multi_similarity_falls_as_people_come_apart():
    head = HEADS["multi-similarity"](setting())
    labels = torch.tensor([0, 0, 1, 1])
    mixed = torch.tensor([[1.0, 0], [0, 1], [1, 0.1], [0.1, 1]])
    apart = torch.tensor([[1.0, 0], [1, 0.1], [-1, 0], [-1, 0.1]])
    assert head(mixed, labels) > 0.5
    assert head(apart, labels) < head(mixed, labels)


@pytest.mark.parametrize(("cosine", "asked"), [(0.35, False), (0.45, True)])
def test_multi_similarity_asks_where_impostors_come_within_a_tenth(cosine, asked):
    head = HEADS["multi-similarity"](setting(dimension=3))
    # Two photos of a person at cosine 0.5, an impostor at the same one to both.
    second = cosine * 0.5 / math.sqrt(0.75)
    third = math.sqrt(1 - cosine**2 - second**2)
    features = torch.tensor(
        [[1.0, 0.0, 0.0], [0.5, math.sqrt(0.75), 0.0], [cosine, second, third]]
    )
    assert (features[0] @ features[1]).item() == pytest.approx(0.5)
    assert (features[1] @ features[2]).item() == pytest.approx(cosine)
    loss = head(features, torch.tensor([0, 0, 1]))
    assert (loss.item() > 0) == asked


@pytest.mark.parametrize("name", ["contrastive", "cosface", "arcface"])
def test_faces_of_nobody_add_nothing_to_the_mean(name):
    head = HEADS[name](setting(margin=0.5))
    features = torch.tensor([[0.1, 0.9], [0.8, 0.3], [0.2, 0.7], [0.5, 0.5]])
    features.requires_grad_()
    labels = torch.tensor([0, 1, 0, -1])
    known = head(features[:3], labels[:3])
    assert known.item() > 0
    loss = head(features, labels)
    torch.testing.assert_close(loss, known * 3 / 4)
    (gradient,) = torch.autograd.grad(loss, features)
    assert gradient[3].tolist() == [0, 0]
    alone = head(features, torch.full((4,), -1))
    (gradient,) = torch.autograd.grad(alone, features)
    assert (alone.item(), gradient.abs().max().item()) == (0, 0)


def test_contrastive_by_hand():
    head = HEADS["contrastive"](setting(margin=0.5))
    features = torch.tensor([[0.0], [1.0], [3.0]])
    # Squared distances 1, 9, 4; only the first two are one person.
    labels = torch.tensor([7, 7, 8])

    def nearness(squared):
        return math.exp(-squared / 0.5)

    wanted = [-math.log(nearness(1) / (nearness(1) + nearness(d))) for d in (9, 4)]
    assert head(features, labels).item() == pytest.approx(sum(wanted) / 2, abs=1e-5)
