"""Collections of photographs: a folder per person, CelebA, or a .rec file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from masking.errors import BadRecord, MissingInput
from masking.image_files import list_images
from masking.rec_collection import find_record_file, record_photos

CELEBA_LIST = "identity_CelebA.txt"


@dataclass(frozen=True)
class Photo:
    """One photograph of a collection.

    Attributes:
        path: the file.
        identity: whose it is; the same for all photographs of a person.
        photo_id: path within the collection, with "/": the photograph's name in
            manifests and the source of its random numbers.
    """

    path: Path
    identity: str
    photo_id: str


def list_photos(folder: Path) -> list[Photo]:
    """All photographs of a collection, sorted by photo_id.

    A folder per person at any depth (LFW, VGGFace2, CASIA): the identity is the
    path of the folder that holds the photo. CelebA: `identity_CelebA.txt` beside
    or in the folder names the identity of every file. InsightFace: a .rec file in
    the folder is the collection.

    Raises:
        MissingInput: no folder, no image, or no photo in a person's folder.
        BadRecord: the CelebA list or the .rec file is damaged.
    """
    record_file = find_record_file(folder)
    if record_file is not None:
        return [Photo(*item) for item in record_photos(record_file)]
    # Names sort differently as paths: a folder comes before a longer name there.
    images = sorted(list_images(folder), key=lambda path: _name(path, folder))
    for listing in (folder / CELEBA_LIST, folder.parent / CELEBA_LIST):
        if listing.is_file():
            return _celeba(folder, images, listing)
    photos = [
        Photo(path, path.parent.relative_to(folder).as_posix(), _name(path, folder))
        for path in images
        if path.parent != folder
    ]
    if not photos:
        raise MissingInput(
            f"{folder}: {len(images)} images lie directly in the folder. Expected a "
            "folder per person: FOLDER/NAME/photo.jpg"
        )
    return photos


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _celeba(folder: Path, images: list[Path], listing: Path) -> list[Photo]:
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecord(f"{listing}: no text that can be read.") from error
    identities = {}
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2:
            raise BadRecord(
                f"{listing}, line {number}: found {line[:40]!r}, expected a file name "
                "and an identity."
            )
        identities[parts[0]] = parts[1]
    photos = [
        Photo(path, identities[path.name], _name(path, folder))
        for path in images
        if path.name in identities
    ]
    if not photos:
        raise MissingInput(f"{folder}: none of its images is named in {listing}.")
    return photos
