import pytest
from click.testing import CliRunner

from benchmarks.recognition.recipe_scores import main
from masking.errors import InvalidConfig
from training.checkpoints.checkpoint import Checkpoint, save_checkpoint
from training.embedders.torch_embedder import dlib_embedder


def test_people_who_were_trained_on_score_nothing(small_manifest, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\n".join({row.identity for row in small_manifest.rows}))
    left_out = tmp_path / "left-out.txt"
    left_out.write_text(small_manifest.rows[0].identity)
    start = dlib_embedder()
    config = {"validation_fraction": 0.1, "kinds": "cloth"}
    checkpoint = Checkpoint(start.state(), start.geometry, config, "ab" * 32, {})
    save_checkpoint(tmp_path / "it.pt", checkpoint)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "augmented").symlink_to(small_manifest.folder)
    arguments = [str(tmp_path / "it.pt"), "--names", str(names)]
    arguments += ["--without", str(left_out), "--workspace", str(workspace)]
    run = CliRunner().invoke(main, arguments)
    assert isinstance(run.exception, InvalidConfig)
    assert "trained on some of these people" in str(run.exception)


def test_dlibs_network_is_scored_on_seen_and_unseen_masks(small_manifest, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\n".join({row.identity for row in small_manifest.rows}))
    left_out = tmp_path / "left-out.txt"
    left_out.write_text(small_manifest.rows[0].identity)
    (tmp_path / "augmented").symlink_to(small_manifest.folder)
    arguments = ["--names", str(names), "--without", str(left_out)]
    arguments += ["--workspace", str(tmp_path), "--masks", "1", "--workers", "0"]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0, run.output
    lines = run.output.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["dlib", "seen"],
        ["dlib", "unseen"],
    ]
    rates = [float(word) for word in lines[0].split()[3::2]]
    assert len(rates) == 4 and all(0 <= rate <= 1 for rate in rates)
    # Unmasked faces of drawn people are told apart.
    assert rates[0] == pytest.approx(1.0, abs=0.2)
