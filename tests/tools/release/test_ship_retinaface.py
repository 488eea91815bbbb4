"""The exported network gives what torch's does, for pictures of other sizes too."""

import cv2
import numpy as np
import torch

from tools.release.ship_retinaface import RetinaFace, exported


def test_opencv_runs_the_export_at_any_size():
    torch.manual_seed(0)
    network = RetinaFace().eval()
    read = cv2.dnn.readNetFromONNX(np.frombuffer(exported(network), np.uint8))
    for height, width in ((128, 128), (64, 160)):
        image = torch.rand(1, 3, height, width) * 255
        read.setInput(image.numpy())
        found = read.forward(read.getUnconnectedOutLayersNames())
        with torch.no_grad():
            wanted = network(image)
        for one, other, step in zip(found, wanted, (8, 16, 32), strict=True):
            assert one.shape == (1, 32, height // step, width // step)
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-3, atol=1e-4)
