import hashlib
import io
import tarfile
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
import torchvision.datasets

from masking.datasets import downloads
from masking.datasets.collections import Collection
from masking.datasets.downloads import RemoteFile, download, fetch_celeba, fetch_lfw
from masking.errors import BadRecord, InvalidConfig, MissingInput


class Handler(BaseHTTPRequestHandler):
    """Sends `files`, from where it is asked; can break off, or know no ranges."""

    site: SimpleNamespace

    def do_GET(self):
        site = self.site
        data = site.files[self.path.lstrip("/")]
        asked = self.headers.get("Range")
        site.asked.append(asked)
        start = int(asked[len("bytes=") : -1]) if asked and site.ranges else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : site.breaks_at])

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    """A server on this machine, and what it does."""
    told = SimpleNamespace(files={}, asked=[], ranges=True, breaks_at=None)
    handler = type("ToldHandler", (Handler,), {"site": told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    told.url = f"http://127.0.0.1:{server.server_port}/"
    Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def served(site, name, data, algorithm="sha256"):
    site.files[name] = data
    digest = hashlib.new(algorithm, data).hexdigest()
    return RemoteFile(name, site.url + name, algorithm, digest)


def lfw_archive():
    """lfw/Person_01/1.jpg and lfw/Person_02/1.jpg, packed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("Person_01", "Person_02"):
            member = tarfile.TarInfo(f"lfw/{name}/1.jpg")
            member.size = len(b"photo")
            tar.addfile(member, io.BytesIO(b"photo"))
    return packed.getvalue()


@pytest.fixture
def lfw(site, monkeypatch):
    monkeypatch.setattr(downloads, "LFW", served(site, "lfw.tgz", lfw_archive()))
    return site


def test_a_stopped_download_goes_on_where_it_stopped(site, tmp_path):
    file = served(site, "letters.txt", b"abcdefgh")
    site.breaks_at = 3
    with pytest.raises(MissingInput, match=r"after 3 bytes.*goes on where it stopped"):
        download(file, tmp_path)
    site.breaks_at = None
    assert download(file, tmp_path).read_bytes() == b"abcdefgh"
    assert site.asked == [None, "bytes=3-"]
    # What is here is not asked for again.
    download(file, tmp_path)
    assert len(site.asked) == 2


def test_a_copy_from_elsewhere_is_taken_if_it_is_the_file(site, tmp_path):
    file = served(site, "letters.txt", b"abcdefgh")
    (tmp_path / "letters.txt").write_bytes(b"abcdefgh")
    download(file, tmp_path)
    assert site.asked == []
    (tmp_path / "letters.txt").write_bytes(b"abc")
    assert download(file, tmp_path).read_bytes() == b"abcdefgh"


def test_a_server_without_ranges_sends_all_again(site, tmp_path):
    file = served(site, "letters.txt", b"abcdefgh")
    (tmp_path / "letters.txt.part").write_bytes(b"abc")
    site.ranges = False
    assert download(file, tmp_path).read_bytes() == b"abcdefgh"


def test_a_download_that_was_stopped_at_its_very_end_is_whole(site, tmp_path):
    file = served(site, "letters.txt", b"abcdefgh")
    (tmp_path / "letters.txt.part").write_bytes(b"abcdefgh")
    assert download(file, tmp_path).read_bytes() == b"abcdefgh"


def test_what_is_not_the_file_is_deleted(site, tmp_path):
    file = served(site, "photos.zip", b"photos")
    site.files["photos.zip"] = b"<html>too many downloads today</html>"
    with pytest.raises(BadRecord, match=r"photos\.zip.*expected.*Try again later"):
        download(file, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_network_it_says_what_to_do(tmp_path, monkeypatch):
    nobody = RemoteFile("lfw.tgz", "http://127.0.0.1:9/lfw.tgz", "sha256", "")
    monkeypatch.setattr(downloads, "LFW", nobody)
    with pytest.raises(MissingInput, match=r"refused.*copy from elsewhere.*lfw\.tgz"):
        fetch_lfw(tmp_path / "lfw")


def test_photos_arrive_and_the_download_folder_goes(lfw, tmp_path):
    out = tmp_path / "data" / "celebrities"
    assert fetch_lfw(out) == 2
    assert (out / "Person_01" / "1.jpg").read_bytes() == b"photo"
    assert [path.name for path in out.parent.iterdir()] == ["celebrities"]


def test_a_stopped_unpacking_begins_anew(lfw, tmp_path):
    half = tmp_path / ".lfw-download" / "unpacked" / "lfw" / "Half"
    half.mkdir(parents=True)
    fetch_lfw(tmp_path / "lfw")
    names = sorted(path.name for path in (tmp_path / "lfw").iterdir())
    assert names == ["Person_01", "Person_02"]


def test_other_files_beside_the_download_stay(lfw, tmp_path):
    note = tmp_path / ".lfw-download" / "note.txt"
    note.parent.mkdir()
    note.write_text("mine")
    fetch_lfw(tmp_path / "lfw")
    assert [path.name for path in note.parent.iterdir()] == ["note.txt"]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "lfw").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for fetch in (fetch_lfw, fetch_celeba):
        for name in ("lfw", "link"):
            with pytest.raises(InvalidConfig, match="exists already"):
                fetch(tmp_path / name)


def test_a_full_disk_is_told_before_the_download(lfw, tmp_path, monkeypatch):
    free = SimpleNamespace(free=300_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(InvalidConfig, match=r"0\.3 GB are free.* need 0\.5 GB"):
        fetch_lfw(tmp_path / "lfw")
    assert lfw.asked == []


def test_celeba_comes_with_its_identities(site, tmp_path, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("000001.jpg", "000002.jpg", "000003.jpg"):
            archive.writestr(f"img_align_celeba/{name}", b"photo")
    listed = b"000001.jpg 7\n000002.jpg 9\n000003.jpg 7\n"
    zipped = served(site, "img_align_celeba.zip", packed.getvalue(), "md5")
    identities = served(site, "identity_CelebA.txt", listed, "md5")
    monkeypatch.setattr(downloads, "CELEBA_PHOTOS", zipped)
    monkeypatch.setattr(downloads, "CELEBA_IDENTITIES", identities)
    assert fetch_celeba(tmp_path / "celeba") == 2
    found = [
        (photo.path.name, photo.identity) for photo in Collection(tmp_path / "celeba")
    ]
    assert found == [("000001.jpg", "7"), ("000002.jpg", "9"), ("000003.jpg", "7")]
    assert [path.name for path in tmp_path.iterdir()] == ["celeba"]


def test_what_is_fetched_of_celeba_is_what_torchvision_fetches():
    listed = {
        name: (at, md5) for at, md5, name in torchvision.datasets.CelebA.file_list
    }
    for file in (downloads.CELEBA_PHOTOS, downloads.CELEBA_IDENTITIES):
        google_id, digest = listed[file.name]
        assert file.url.endswith(f"id={google_id}")
        assert file.digest == digest
