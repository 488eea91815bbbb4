import pytest
import sklearn.datasets

from masking.datasets.lfw import fetch_lfw
from masking.errors import InvalidConfig, MissingInput


def fake_download(data_home, **_):
    """What scikit-learn's downloader leaves behind."""
    from pathlib import Path

    for name in ("Person_01", "Person_02"):
        folder = Path(data_home) / "lfw_home" / "lfw" / name
        folder.mkdir(parents=True)
        (folder / f"{name}_0001.jpg").write_bytes(b"photo")


def test_photos_arrive_and_the_download_folder_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(sklearn.datasets, "fetch_lfw_people", fake_download)
    out = tmp_path / "data" / "celebrities"
    assert fetch_lfw(out) == 2
    assert (out / "Person_01" / "Person_01_0001.jpg").read_bytes() == b"photo"
    assert [path.name for path in out.parent.iterdir()] == ["celebrities"]


def test_other_files_beside_the_download_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(sklearn.datasets, "fetch_lfw_people", fake_download)
    note = tmp_path / ".lfw-download" / "note.txt"
    note.parent.mkdir()
    note.write_text("mine")
    fetch_lfw(tmp_path / "lfw")
    assert [path.name for path in note.parent.iterdir()] == ["note.txt"]


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def fail(**_):
        raise OSError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_lfw_people", fail)
    with pytest.raises(MissingInput, match=r"no route to host.*augment FOLDER"):
        fetch_lfw(tmp_path / "lfw")


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "lfw").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name in ("lfw", "link"):
        with pytest.raises(InvalidConfig, match="exists already"):
            fetch_lfw(tmp_path / name)
