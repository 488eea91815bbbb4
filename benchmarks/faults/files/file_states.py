"""Workspaces in the states in which files are damaged, each made once."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2

from benchmarks.faults.small_workspace import (
    ONE,
    SHIPPED,
    TRAINED,
    copy_people,
    newcomer_photos,
    started_training,
    succeed,
)
from masking.datasets.images import read_rgb

_PEOPLE, _PHOTOS = 4, 2


class States:
    """Makes and copies workspaces; all of them live, in turn, at one place.

    Attributes:
        workspace: that place, so that recorded paths stay true.
    """

    def __init__(self, folder: Path, disk: Path | None = None):
        """
        Args:
            disk: folder for the workspace alone; None is `folder`.
        """
        self.workspace = (disk or folder) / "workspace"
        self.scratch = folder / "scratch"
        self._store = folder / "states"
        self.scratch.mkdir()
        self._store.mkdir()

    def restore(self, state: str) -> Path:
        """The workspace in a state, as fresh as when it was made."""
        kept = self._store / state
        if not kept.exists():
            _MAKERS[state](self)
            shutil.copytree(self.workspace, kept)
        shutil.rmtree(self.workspace, ignore_errors=True)
        shutil.copytree(kept, self.workspace)
        return self.workspace

    def run(self, *words: str | Path) -> None:
        """Run a command on whole files."""
        succeed([*words, "--workspace", self.workspace], self.scratch)


def _inputs(states: States) -> None:
    """What people give: photographs, lists, tables, a packed collection, a video."""
    shutil.rmtree(states.workspace, ignore_errors=True)
    home = states.workspace
    people = copy_people(home / "people", _PEOPLE, _PHOTOS)
    copy_people(home / "some", 1, 1)
    photos = sorted(people.glob("*/*.jpg"))
    (home / "photos").mkdir()
    shutil.copy(photos[2], home / "photos" / "probe.jpg")
    _write_lists(home / "lists", people)
    (home / "labelled").mkdir()
    rows = [f"{p.parent.name},{p.parent.name}-{p.name},no-mask" for p in photos]
    for photo in photos:
        shutil.copy(photo, home / "labelled" / f"{photo.parent.name}-{photo.name}")
    table = "\n".join(["person,file,mask", *rows, ""])
    (home / "labelled" / "labels.csv").write_text(table)
    _write_packed(home / "packed", photos)
    _write_video(home / "videos" / "video.avi", photos)


def _write_lists(folder: Path, people: Path) -> None:
    folder.mkdir()
    names = [path.name for path in sorted(people.iterdir())]
    lines = [str(len(names)), *(f"{name}\t{_PHOTOS}" for name in names), ""]
    (folder / "people.txt").write_text("\n".join(lines))
    files = [
        f"{name}/{photo.name}"
        for name in names
        for photo in sorted((people / name).iterdir())
    ]
    pairs = [f"{files[2 * i]},{files[2 * i + 1]},1" for i in range(len(names))]
    pairs += [f"{files[2 * i]},{files[2 * i - 2]},0" for i in range(len(names))]
    text = "\n".join(["file_a,file_b,same", *pairs, ""])
    (folder / "pairs.csv").write_text(text)
    rows = [f"{file.split('/')[0]},{people / file}" for file in files]
    (folder / "enroll.csv").write_text("\n".join(["person,file", *rows, ""]))


def _write_packed(folder: Path, photos: list[Path]) -> None:
    """InsightFace's train.rec and train.idx without a record 0: every one a photo."""
    folder.mkdir()
    data, lines = b"", []
    for number, photo in enumerate(photos, 1):
        content = (
            struct.pack("<IfQQ", 0, number // _PHOTOS, number, 0) + photo.read_bytes()
        )
        lines.append(f"{number}\t{len(data)}\n")
        data += struct.pack("<II", 0xCED7230A, len(content)) + content
        data += bytes(-len(content) % 4)
    (folder / "train.rec").write_bytes(data)
    (folder / "train.idx").write_text("".join(lines))


def _write_video(path: Path, photos: list[Path]) -> None:
    path.parent.mkdir()
    code = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), code, 5.0, (250, 250))
    for photo in photos[:2]:
        for _ in range(4):
            video.write(read_rgb(photo)[:, :, ::-1])
    video.release()


def _gallery(states: States) -> None:
    home = states.restore("inputs")
    states.run("enroll", "--folder", home / "people", *SHIPPED, *ONE)
    states.run("identify", home / "photos" / "probe.jpg")
    states.run("gallery", "backup")


def _log(states: States) -> None:
    """Somebody was enrolled and only the write-ahead log holds them."""
    home = states.restore("gallery")
    file = home / "gallery" / "gallery.sqlite"
    # As long as another connection reads, nobody empties the log.
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
        states.run("enroll", "Newcomer", newcomer_photos()[0], *SHIPPED)
        kept = [file, file.with_name(file.name + "-wal")]
        content = [path.read_bytes() for path in kept]
    for path in home.glob("gallery/gallery.sqlite*"):
        path.unlink()
    for path, data in zip(kept, content, strict=True):
        path.write_bytes(data)


def _augmented(states: States) -> None:
    home = states.restore("inputs")
    states.run("augment", home / "people", "--variants", "1", *ONE)


def _journal(states: States) -> None:
    """`augment` was killed after its last photograph."""
    made = states.restore("augmented") / "augmented"
    (made / "manifest.jsonl").rename(made / "manifest.partial.jsonl")


def _trained(states: States) -> None:
    states.restore("augmented")
    states.run("train", *TRAINED)


def _training(states: States) -> None:
    started_training(states.restore("augmented"), states.scratch, TRAINED)


def _evaluated(states: States) -> None:
    home = states.restore("inputs")
    states.run("evaluate", home / "people", "--rounds", "0", *SHIPPED, *ONE)


_MAKERS: dict[str, Callable[[States], None]] = {
    "inputs": _inputs,
    "gallery": _gallery,
    "log": _log,
    "augmented": _augmented,
    "journal": _journal,
    "trained": _trained,
    "training": _training,
    "evaluated": _evaluated,
}
