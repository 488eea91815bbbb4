"""Downloads data sets that may be downloaded, through a library that checks them."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from masking.errors import InvalidConfig, MissingInput


def fetch_lfw(out: Path) -> int:
    """Labeled Faces in the Wild (about 230 MB), a folder per person, into `out`.

    Returns:
        How many people there are.

    Raises:
        InvalidConfig: `out` exists.
        MissingInput: the download failed.
    """
    from sklearn.datasets import fetch_lfw_people

    if out.exists() or out.is_symlink():
        raise InvalidConfig(f"{out}: exists already. Move it away or give --out.")
    home = out.parent / f".{out.name}-download"
    try:
        # Only the files are wanted: 400 photos a person leave one to be decoded.
        fetch_lfw_people(data_home=str(home), funneled=False, min_faces_per_person=400)
    except OSError as error:
        raise MissingInput(
            f"LFW could not be downloaded ({error}). Get lfw.tgz elsewhere, unpack it "
            "and run: python cli.py augment FOLDER"
        ) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    (home / "lfw_home" / "lfw").rename(out)
    shutil.rmtree(home / "lfw_home")
    # Something of somebody else's lies there.
    with suppress(OSError):
        home.rmdir()
    return sum(1 for person in out.iterdir() if person.is_dir())
