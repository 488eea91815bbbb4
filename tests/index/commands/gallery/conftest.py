"""Commands in a workspace whose faces are coloured squares."""

import pytest
from click.testing import CliRunner

from cli import main
from tests.fakes.faces_for_index import ColourEmbedder, SquareFinder


@pytest.fixture
def call(tmp_path, monkeypatch):
    embedder = ColourEmbedder()
    monkeypatch.setattr(
        "index.commands.gallery.enroll.onnx_embedder_of", lambda *_: embedder
    )
    monkeypatch.setattr("masking.faces.finder.default_finder", SquareFinder)

    def run(*arguments, code=0):
        words = [*map(str, arguments), "--workspace", str(tmp_path / "w")]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == code, done.output
        return done

    run.__dict__["embedder"] = embedder
    return run
