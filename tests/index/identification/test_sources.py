"""Files, folders and standard input become photographs to read."""

import io
from pathlib import Path

import numpy as np
import pytest

from index.identification import sources as probe_sources
from index.identification.sources import (
    STANDARD_INPUT,
    probe_bytes,
    probe_photos,
    shown_name,
)
from masking.datasets.images import write_image
from masking.errors import InvalidConfig, MissingInput, UnreadableImage


def test_files_folders_and_standard_input_keep_their_order(tmp_path):
    picture = np.zeros((2, 2, 3), np.uint8)
    for name in ("b.png", "a.png"):
        write_image(tmp_path / "folder" / name, picture)
    given = [STANDARD_INPUT, tmp_path / "folder", tmp_path / "gone.jpg"]
    names = [path.name for path in probe_photos(given)]
    assert names == ["-", "a.png", "b.png", "gone.jpg"]


def test_bytes_come_from_the_file_or_from_standard_input(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"of the file")
    stream = io.BytesIO(b"of the stream")
    assert probe_bytes(path, stream) == b"of the file"
    assert probe_bytes(STANDARD_INPUT, stream) == b"of the stream"
    assert shown_name(STANDARD_INPUT) == Path("standard-input")
    assert shown_name(path) == path


def test_standard_input_has_an_end(monkeypatch):
    monkeypatch.setattr(probe_sources, "MAX_BYTES", 10)
    assert probe_bytes(STANDARD_INPUT, io.BytesIO(b"x" * 10)) == b"x" * 10
    with pytest.raises(UnreadableImage, match="more than 10 bytes"):
        probe_bytes(STANDARD_INPUT, io.BytesIO(b"x" * 11))


def test_nothing_and_twice_the_same_are_refused():
    with pytest.raises(MissingInput, match="no photograph was given"):
        probe_photos([])
    with pytest.raises(InvalidConfig, match="twice"):
        probe_photos([STANDARD_INPUT, STANDARD_INPUT])
