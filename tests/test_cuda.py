"""What runs on a GPU gives what the CPU gives. Skipped where there is none."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from masking.masks.spec import KINDS, OCCLUDERS
from masking.rendering.render_batch import BatchRenderer
from tests.fakes.drawn_faces import augmented_drawings
from tests.fakes.rendered import assert_alike, spec_of
from tests.fakes.trainings import CONFIG
from training.embedders.torch_embedder import dlib_embedder
from training.run.stage import REPORT, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def drawn_manifest(tmp_path_factory):
    return augmented_drawings(tmp_path_factory.mktemp("drawn"))


@pytest.mark.parametrize("kind", KINDS + OCCLUDERS)
def test_masks_are_those_of_the_files(kind):
    renderer = BatchRenderer("cuda")
    specs = [(spec_of(kind, number),) for number in range(5)]
    assert_alike(renderer, specs, "cuda")


def test_embeddings_are_those_of_the_cpu():
    chips = np.random.default_rng(0).integers(0, 256, (70, 3, 150, 150), np.uint8)
    expected = dlib_embedder().embed(chips)
    found = dlib_embedder("cuda").embed(chips)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_training_goes_where_it_goes_on_the_cpu(drawn_manifest, tmp_path):
    plain = replace(CONFIG, precision="float32", compile="no")
    train(drawn_manifest, tmp_path / "cuda", replace(plain, device="cuda"))
    train(drawn_manifest, tmp_path / "cpu", replace(plain, device="cpu"))
    losses = [
        json.loads((tmp_path / name / REPORT / "report.json").read_text())["losses"]
        for name in ("cuda", "cpu")
    ]
    # Convolutions there are of TF32.
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.01)


def test_a_compiled_bfloat16_training_resumes(drawn_manifest, tmp_path):
    config = replace(CONFIG, device="cuda")
    first = train(drawn_manifest, tmp_path, config)
    again = train(drawn_manifest, tmp_path, config)
    assert again.resumed_at == config.epochs
    assert again.checkpoint.name == first.checkpoint.name
