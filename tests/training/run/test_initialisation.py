import numpy as np
import pytest
import torch

from masking.errors import BadRecord, InvalidConfig, MissingInput
from training.backbones.registry import make_network
from training.checkpoints.checkpoint import Checkpoint, save_checkpoint
from training.checkpoints.export import export_dlib
from training.run.initialisation import initialise


def start(choice, backbone, folder, seed=0):
    return initialise(choice, backbone, folder, "cpu", seed).student


def test_auto_is_shipped_for_dlib_and_random_for_others(tmp_path):
    assert start("auto", "auto", tmp_path).name == "shipped"
    scratch = start("auto", "iresnet18", tmp_path, 4)
    assert (scratch.name, scratch.backbone) == ("scratch", "iresnet18")
    assert start("scratch", "iresnet18", tmp_path, 4).fingerprint == scratch.fingerprint
    assert start("scratch", "iresnet18", tmp_path, 5).fingerprint != scratch.fingerprint


def test_published_weights_start_a_training(tmp_path):
    network = make_network("iresnet18", seed=7)
    torch.save(network.state_dict(), tmp_path / "backbone.pth")
    found = start(str(tmp_path / "backbone.pth"), "iresnet18", tmp_path)
    np.testing.assert_array_equal(found.state()["fc.bias"], network.fc.bias.detach())
    with pytest.raises(InvalidConfig, match="Add --backbone"):
        start(str(tmp_path / "backbone.pth"), "auto", tmp_path)
    with pytest.raises(BadRecord, match="do not fit the backbone dlib") as caught:
        start(str(tmp_path / "backbone.pth"), "dlib", tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    path = tmp_path / "odd.pth"
    path.write_bytes(b"odd")
    with pytest.raises(BadRecord, match="not a file of weights alone"):
        start(str(path), "dlib", tmp_path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(BadRecord, match="holds dict of other things"):
        start(str(path), "dlib", tmp_path)
    with pytest.raises(MissingInput, match="no such model"):
        start(str(tmp_path / "none.pth"), "auto", tmp_path)


def test_a_checkpoint_brings_its_backbone_and_refuses_another(tmp_path):
    network = make_network("dlib", seed=1)
    path = tmp_path / "own.pt"
    save_checkpoint(
        path, Checkpoint(network.state_dict(), network.geometry, {}, "", {})
    )
    assert start(str(path), "auto", tmp_path).name == "own"
    with pytest.raises(InvalidConfig, match="is a dlib network"):
        start(str(path), "iresnet18", tmp_path)


def test_dlibs_space_is_taught_to_its_kind_and_others_learn_from_their_start(tmp_path):
    in_dlibs_space = initialise("dlib-masked", "auto", tmp_path, "cpu", 0)
    assert in_dlibs_space.teacher.name == "dlib" and in_dlibs_space.warm
    random = initialise("scratch", "dlib", tmp_path, "cpu", 0)
    assert random.teacher.name == "dlib" and not random.warm
    other = initialise("scratch", "iresnet18", tmp_path, "cpu", 0)
    assert other.teacher is None and not other.warm
    torch.save(other.student.state(), tmp_path / "published.pth")
    path = str(tmp_path / "published.pth")
    warm = initialise(path, "iresnet18", tmp_path, "cpu", 0)
    assert warm.teacher is warm.student and warm.warm


def test_a_training_starts_with_what_ships_for_its_backbone(tmp_path):
    shipped = initialise("auto", "auto", tmp_path, "cpu", 0)
    assert shipped.student.name == "shipped" and shipped.teacher is shipped.student
    named = initialise("auto", "mobilefacenet", tmp_path, "cpu", 0)
    assert named.student.fingerprint == shipped.student.fingerprint
    assert start("auto", "dlib", tmp_path).name == "dlib-masked"
    assert not initialise("auto", "iresnet18", tmp_path, "cpu", 0).warm


def test_a_dat_of_others_starts_and_teaches_a_training(tmp_path):
    shipped = start("dlib-masked", "auto", tmp_path)
    export_dlib(shipped, tmp_path / "others.dat")
    found = initialise(str(tmp_path / "others.dat"), "auto", tmp_path, "cpu", 0)
    assert found.student is found.teacher and found.warm
    assert (found.student.name, found.student.backbone) == ("others", "dlib")
    chips = np.random.default_rng(0).integers(0, 256, (2, 3, 150, 150), np.uint8)
    np.testing.assert_allclose(
        found.student.embed(chips), shipped.embed(chips), atol=1e-4
    )
    with pytest.raises(InvalidConfig, match=r"others\.dat is a dlib network"):
        start(str(tmp_path / "others.dat"), "iresnet18", tmp_path)
    (tmp_path / "odd.dat").write_bytes(b"odd")
    with pytest.raises(BadRecord, match=r"odd\.dat"):
        start(str(tmp_path / "odd.dat"), "auto", tmp_path)
    with pytest.raises(MissingInput, match=r"none\.dat"):
        start(str(tmp_path / "none.dat"), "auto", tmp_path)
