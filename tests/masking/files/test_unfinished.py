"""Unfinished files of killed processes go, those of living ones stay."""

import os
import signal

import pytest

from masking.files.unfinished import folder_locked, sweep_unfinished
from masking.files.writing import replaced_file, write_bytes


def killed(work):
    """Run `work`, which kills its process, in a child."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_file_of_a_killed_process_is_swept(tmp_path):
    def die():
        with replaced_file(tmp_path / "deep" / "card.png") as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die)
    (left,) = (tmp_path / "deep").iterdir()
    assert left.read_bytes() == b"half"
    (tmp_path / "other").write_bytes(b"stays")
    assert sweep_unfinished(tmp_path) == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["deep", "other"]


def test_file_that_is_being_written_stays(tmp_path):
    with replaced_file(tmp_path / "card.png") as file:
        file.write(b"whole")
        assert sweep_unfinished(tmp_path) == 0
    assert (tmp_path / "card.png").read_bytes() == b"whole"
    assert len(list(tmp_path.iterdir())) == 1


def test_link_is_not_followed(tmp_path):
    write_bytes(tmp_path / "a" / "photo.jpg", b"photo")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".writing-0").symlink_to(tmp_path / "a" / "photo.jpg")
    assert sweep_unfinished(tmp_path / "b") == 0
    assert (tmp_path / "a" / "photo.jpg").read_bytes() == b"photo"


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_folder_is_shared_or_held_alone(tmp_path, first, second, held):
    with folder_locked(tmp_path, 0, shared=first) as one:
        assert one
        with folder_locked(tmp_path, 0.1, shared=second) as other:
            assert other is held
    with folder_locked(tmp_path, 0) as free:
        assert free
