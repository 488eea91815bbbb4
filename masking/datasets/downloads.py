"""Downloads the data sets that may be downloaded: LFW and CelebA."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from masking.datasets.collections import CELEBA_LIST
from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.files.model_files import hash_of_file
from masking.files.text import read_lines

# On the disk at once: the archive, and what it is unpacked to.
_LFW_GB, _CELEBA_GB = 0.5, 3.5
_GOOGLE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
_UNPACKED = "unpacked"
_TIMEOUT_S, _PIECE_BYTES = 60, 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Attributes:
        algorithm: "sha256" or "md5".
        digest: what it gives, hex.
    """

    name: str
    url: str
    algorithm: str
    digest: str


# The address and hash that scikit-learn's `fetch_lfw_people` uses.
LFW = RemoteFile(
    "lfw.tgz",
    "https://ndownloader.figshare.com/files/5976018",
    "sha256",
    "055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0",
)
# Those that torchvision's `CelebA` uses, which it would take seconds to import.
CELEBA_PHOTOS = RemoteFile(
    "img_align_celeba.zip",
    f"{_GOOGLE}0B7EVK8r0v71pZjFTYXZWM3FlRnM",
    "md5",
    "00d2c5bc6d35e252742224ab0c1e8fcb",
)
CELEBA_IDENTITIES = RemoteFile(
    CELEBA_LIST,
    f"{_GOOGLE}1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS",
    "md5",
    "32bd1bd63d3c78cd57e08160ec5ed1e2",
)


def fetch_lfw(out: Path) -> int:
    """Labeled Faces in the Wild, a folder per person, into `out`.

    Returns:
        How many people there are.

    Raises:
        InvalidConfig: `out` exists, or the disk has too little space.
        MissingInput: the download failed; the next call goes on from there.
        BadRecord: what came is not the file.
    """
    home = _download_folder(out, _LFW_GB)
    archive = download(LFW, home)
    _move(_unpacked(archive) / "lfw", out, [archive])
    return sum(1 for person in out.iterdir() if person.is_dir())


def fetch_celeba(out: Path) -> int:
    """CelebA's aligned photos and the list of who is on each, into `out`.

    Returns, raises: as `fetch_lfw`.
    """
    home = _download_folder(out, _CELEBA_GB)
    listing = download(CELEBA_IDENTITIES, home)
    archive = download(CELEBA_PHOTOS, home)
    unpacked = _unpacked(archive)
    shutil.copy(listing, unpacked)
    _move(unpacked, out, [listing, archive])
    listed = read_lines(out / CELEBA_LIST, "a file name and an identity a line")
    return len({line.split()[-1] for line in listed if line.strip()})


def download(file: RemoteFile, folder: Path) -> Path:
    """The file in the folder, downloaded from where an earlier call stopped.

    Raises:
        MissingInput: the download failed; what came stays.
        BadRecord: the hash is another one; what came is deleted.
    """
    target = folder / file.name
    if target.is_file() and hash_of_file(target, file.algorithm) == file.digest:
        return target
    part = folder / f"{file.name}.part"
    try:
        _append(file, part)
    except (OSError, HTTPException) as error:
        raise MissingInput(
            f"{file.name} could not be downloaded ({error}). The same command goes on "
            f"where it stopped, also with a copy from elsewhere: {target}"
        ) from error
    found = hash_of_file(part, file.algorithm)
    if found != file.digest:
        part.unlink()
        raise BadRecord(
            f"{file.name}: what {file.url} sent has the {file.algorithm} {found}, "
            f"expected {file.digest}; it was deleted. Try again later, or get "
            f"{file.name} elsewhere."
        )
    part.replace(target)
    return target


def _append(file: RemoteFile, part: Path) -> None:
    """Download what is missing of a file.

    Raises:
        OSError, HTTPException: the connection failed, or ended early.
    """
    have = part.stat().st_size if part.is_file() else 0
    asked = {"Range": f"bytes={have}-"} if have else {}
    try:
        answer = urlopen(Request(file.url, headers=asked), timeout=_TIMEOUT_S)
    except HTTPError as error:
        error.close()
        # Range not satisfiable: all of it is here.
        if have and error.code == 416:
            return
        raise
    with answer:
        if have and answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with (
            part.open("ab" if have else "wb") as stream,
            _bar(file.name, have, total) as bar,
        ):
            while piece := answer.read(_PIECE_BYTES):
                stream.write(piece)
                bar.update(len(piece))
    if total is not None and part.stat().st_size < total:
        raise OSError(f"the connection ended after {part.stat().st_size:,} bytes")


def _bar(name: str, done: int, total: int | None) -> Any:
    return tqdm(
        desc=name,
        initial=done,
        total=total,
        unit="B",
        unit_scale=True,
        disable=None,
    )


def _download_folder(out: Path, needs_gb: float) -> Path:
    """Where the download lies until it is whole: beside `out`, on the same disk."""
    if out.exists() or out.is_symlink():
        raise InvalidConfig(f"{out}: exists already. Move it away or give --out.")
    home = out.parent / f".{out.name}-download"
    home.mkdir(parents=True, exist_ok=True)
    needs_gb -= sum(path.stat().st_size for path in home.glob("*.*")) / 1e9
    free_gb = shutil.disk_usage(home).free / 1e9
    if free_gb < needs_gb:
        raise InvalidConfig(
            f"{out.parent}: {free_gb:.1f} GB are free on this disk, but download and "
            f"photos need {needs_gb:.1f} GB. Free some, or take another disk by --out."
        )
    return home


def _unpacked(archive: Path) -> Path:
    """A folder with what an archive holds, unpacked anew: half of it may lie there."""
    place = archive.parent / _UNPACKED
    shutil.rmtree(place, ignore_errors=True)
    # Python 3.12 and 3.13 warn without one; the first 3.10 and 3.11 know none.
    is_tar = archive.suffix == ".tgz" and hasattr(tarfile, "data_filter")
    filters: dict[str, Any] = {"filter": "data"} if is_tar else {}
    shutil.unpack_archive(archive, place, **filters)
    return place


def _move(folder: Path, out: Path, downloaded: Sequence[Path]) -> None:
    """Put a whole data set in its place, and delete what it was made of."""
    folder.rename(out)
    home = downloaded[0].parent
    for path in downloaded:
        path.unlink()
    with suppress(FileNotFoundError):
        shutil.rmtree(home / _UNPACKED)
    # Something of somebody else's may lie there.
    with suppress(OSError):
        home.rmdir()
