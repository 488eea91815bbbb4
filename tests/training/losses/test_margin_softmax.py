import torch

from training.losses.margin_softmax import CosFace, HeadOptimiser, ShardedSoftmax

START = [[1.0, -2.0], [0.5, 4.0]]


def stepped(gradient, rate):
    """The weights of two classes in two dimensions after one step."""
    head = ShardedSoftmax(2, 2, CosFace(0.2))
    with torch.no_grad():
        head.weight.copy_(torch.tensor(START))
    head.weight.grad = gradient
    HeadOptimiser(head, weight_decay=0.1).step(rate)
    return head.weight.detach()


def test_the_first_step_is_as_long_as_the_learning_rate():
    # Adam's first step is the rate times the gradient's sign; AdamW takes the rate
    # times the decay off the weights before.
    gradient = torch.tensor([[3.0, -0.2], [-7.0, 0.01]])
    found = stepped(gradient, rate=0.01)
    shrunk = 0.999 * torch.tensor(START)
    signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    torch.testing.assert_close(found, shrunk - 0.01 * signs, atol=1e-6, rtol=0)
