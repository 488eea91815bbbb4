"""Frames of a video file or a camera, read by OpenCV."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np

from masking.errors import MissingInput, UnreadableImage
from masking.landmarks import Image

# Of a file's start, for its token: videos are too large to be read twice.
_TOKEN_BYTES = 1 << 20
# OpenCV waits for a camera that has just been switched on.
_FIRST_FRAMES = 30


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        time_s: from the video's start.
        image: (H, W, 3) uint8 RGB.
    """

    time_s: float
    image: Image


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used here."""

    def grab(self) -> bool:
        """Go to the next frame; False at the end."""

    def retrieve(self) -> tuple[bool, Any]:
        """Decode the frame as BGR."""

    def get(self, prop: int) -> float:
        """A property, by its number."""


def video_token(path: Path) -> str:
    """Short, and the same for the same video file; names its cards.

    Raises:
        MissingInput: there is no such file.
    """
    if not path.is_file():
        raise MissingInput(f"{path}: no such file. Give a video file.")
    with path.open("rb") as file:
        start = file.read(_TOKEN_BYTES)
    return sha256(start + str(path.stat().st_size).encode()).hexdigest()[:8]


@contextmanager
def received_video(head: bytes, stream: BinaryIO) -> Iterator[Path]:
    """A video of standard input as a file, which OpenCV needs, for as long as this.

    Args:
        head: what was read of it already.
    """
    with TemporaryDirectory(prefix="video-") as folder:
        path = Path(folder) / "video"
        with path.open("wb") as file:
            file.write(head)
            shutil.copyfileobj(stream, file)
        yield path


@contextmanager
def open_video(path: Path, name: Path | None = None) -> Iterator[Capture]:
    """A video file.

    Args:
        name: for messages; None = the path.

    Raises:
        MissingInput: there is no such file.
        UnreadableImage: OpenCV cannot decode it.
    """
    if not path.is_file():
        raise MissingInput(f"{path}: no such file. Give a video file.")
    # FFmpeg alone, which every OpenCV wheel has, as other readers print what they do
    # not like; this silences FFmpeg itself, which offers no other switch. A resolved
    # path is never taken for a network address.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    with _opened(str(path.resolve()), cv2.CAP_FFMPEG) as capture:
        if capture is None:
            raise UnreadableImage(
                f"{name or path}: not a video that OpenCV can decode. Expected MP4, "
                "AVI, MOV, MKV or WebM; convert it first."
            )
        yield capture


@contextmanager
def open_camera(camera: int | str) -> Iterator[Capture]:
    """A camera of this machine, counted from 0, or the address of one in a network.

    Raises:
        MissingInput: there is none, or another program uses it.
    """
    if isinstance(camera, int):
        source = _opened(camera, cv2.CAP_ANY)
    else:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        source = _opened(camera, cv2.CAP_FFMPEG)
    with source as capture:
        if capture is None:
            raise MissingInput(
                f"{camera_name(camera)}: cannot be opened. Expected the number of a "
                "camera of this machine, from 0, that no other program uses, or an "
                "address that gives a video."
            )
        yield capture


def camera_name(camera: int | str) -> str:
    """What a camera is called in answers: addresses may hold a password."""
    return f"camera-{urlsplit(str(camera)).hostname or camera}"


@contextmanager
def _opened(source: str | int, backend: int) -> Iterator[Any]:
    before = cv2.utils.logging.getLogLevel()
    # Warnings about every way of opening that does not fit; ours says what failed.
    cv2.utils.logging.setLogLevel(0)
    capture = cv2.VideoCapture(source, backend)
    try:
        yield capture if capture.isOpened() else None
    finally:
        capture.release()
        cv2.utils.logging.setLogLevel(before)


def length_s(capture: Capture) -> float:
    """How long a file says it is, in seconds; 0 where it does not."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return frames / rate if 0 < rate < 1000 and 0 < frames < 1e9 else 0.0


def video_frames(
    capture: Capture, every: int, seconds: float, source: str
) -> Iterator[Frame]:
    """Every n-th frame of a file, with the time that the file states.

    Args:
        seconds: stop after so many; 0 = at the end.
        source: for messages.

    Raises:
        UnreadableImage: no frame could be decoded.
    """
    rate = capture.get(cv2.CAP_PROP_FPS)
    number = 0
    while capture.grab():
        # The rate is 0 where a file does not state it; 25 is the usual one.
        time_s = number / (rate if 0 < rate < 1000 else 25.0)
        if seconds and time_s > seconds:
            break
        if number % every == 0:
            decoded, bgr = capture.retrieve()
            if decoded:
                yield Frame(time_s, _rgb(bgr))
        number += 1
    if number == 0:
        raise UnreadableImage(
            f"{source}: no frame of it can be decoded. Copy it again or convert it."
        )


def camera_frames(
    capture: Capture, every: int, seconds: float, source: str
) -> Iterator[Frame]:
    """Every n-th frame of a camera, as long as it gives some.

    Raises:
        UnreadableImage: it gives none.
    """
    started, number, seen = time.monotonic(), 0, False
    while capture.grab() or (not seen and number < _FIRST_FRAMES):
        time_s = time.monotonic() - started
        if seconds and time_s > seconds:
            break
        if number % every == 0:
            decoded, bgr = capture.retrieve()
            if decoded:
                seen = True
                yield Frame(time_s, _rgb(bgr))
        number += 1
    if not seen:
        raise UnreadableImage(f"{source}: gives no picture. Is it covered or in use?")


def _rgb(bgr: Any) -> Image:
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
