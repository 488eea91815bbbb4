"""Full disks and locked folders: nobody is lost, nothing is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search.open_search import open_search
from index.search.verify import verify_gallery
from tests.fakes.galleries import FakeEmbedder, photo

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as gallery:
        gallery.add([photo(f"Person_{i:02d}", [i, 0, 0, 0]) for i in range(20)])
    return tmp_path / "gallery"


PRELUDE = """
import os, sys
import numpy as np
from tests.fakes.galleries import photo
from index.gallery.gallery import open_gallery
from index.search.open_search import open_search
from masking.errors import ToolkitError
"""


def run(code, folder):
    """What a process prints that works in the gallery's folder."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FULL_DISK = """
import resource, signal
from pathlib import Path
# Like a full disk, writing fails from some size on; the signal would kill.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
gallery = open_gallery(Path("."))
added = 0
size = os.path.getsize("gallery.sqlite")
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    for number in range(1000):
        gallery.add([photo(f"New_{number}", [number, 1, 0, 0])])
        added += 1
except ToolkitError as error:
    print(error)
found = open_search(gallery).nearest(np.array([3, 0, 0, 0], np.float32), 1)
print(added, len(gallery.people()), found[0].distance)
"""


def test_full_disk_is_one_line_and_loses_nothing(folder):
    *message, last = run(FULL_DISK, folder).splitlines()
    added, people, distance = map(float, last.split())
    assert len(message) == 1
    assert "the disk is not full" in message[0]
    assert people == 20 + added
    assert distance == 0
    assert verify_gallery(folder, queries=10).sound
    with open_gallery(folder) as gallery:
        assert gallery.size == people
        gallery.add([photo("After", [99, 0, 0, 0])])


READ_ONLY = """
from pathlib import Path
if os.geteuid() == 0:
    # Modes mean nothing to root. Nobody may read and enter, the path is relative.
    os.setegid(65534)
    os.seteuid(65534)
try:
    open_gallery(Path("."))
except ToolkitError as error:
    print(error)
"""


def test_read_only_folder_is_one_line_that_says_so(folder):
    before = (folder / "gallery.sqlite").read_bytes()
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    try:
        (message,) = run(READ_ONLY, folder).splitlines()
    finally:
        folder.chmod(0o700)
    assert "Check that its folder is writable" in message
    assert (folder / "gallery.sqlite").read_bytes() == before


def test_gallery_of_another_folder_is_not_disturbed(folder, tmp_path):
    with open_or_create_gallery(tmp_path / "other", FakeEmbedder()) as other:
        other.add([photo("Person_00", [50, 0, 0, 0])])
        place = photo("", [50, 0, 0, 0])[1].embedding
        with open_gallery(folder) as gallery:
            assert open_search(gallery).nearest(place, 1)[0].distance == 31
        assert open_search(other).nearest(place, 1)[0].distance == 0
