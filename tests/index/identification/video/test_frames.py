"""Frames come at their times; what is no video or camera ends with one sentence."""

import io
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import cv2
import numpy as np
import pytest

from index.identification.config import VideoConfig
from index.identification.sources import is_video
from index.identification.video.frames import (
    camera_frames,
    camera_name,
    length_s,
    open_camera,
    open_video,
    received_video,
    video_frames,
    video_token,
)
from masking.errors import InvalidConfig, MissingInput, UnreadableImage


class DrawnCapture:
    """Frames whose blue is their number; some cannot be grabbed or decoded."""

    def __init__(self, count, rate=10.0, broken=(), late=0):
        self.count, self.rate, self.broken, self.late = count, rate, broken, late
        self.number, self.asked, self.decoded = -1, 0, 0

    def grab(self):
        self.asked += 1
        if self.asked <= self.late:
            return False
        self.number += 1
        return self.number < self.count

    def retrieve(self):
        if not 0 <= self.number < self.count or self.number in self.broken:
            return False, None
        self.decoded += 1
        return True, np.full((4, 6, 3), (self.number, 0, 200), np.uint8)

    def get(self, prop):
        assert prop == cv2.CAP_PROP_FPS
        return self.rate


def write_video(path, frames=12, rate=10):
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, rate, (64, 48))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((48, 64, 3), (20 * number, 0, 255), np.uint8))
    writer.release()
    return path


def test_every_nth_frame_is_decoded_with_its_time():
    capture = DrawnCapture(11)
    frames = list(video_frames(capture, 5, 0.0, "video"))
    assert [frame.time_s for frame in frames] == [0.0, 0.5, 1.0]
    assert capture.decoded == 3
    # OpenCV's blue comes first; ours last.
    assert frames[1].image[0, 0].tolist() == [200, 0, 5]
    assert frames[0].image.shape == (4, 6, 3)


def test_a_file_says_how_long_it_is(tmp_path):
    path = write_video(tmp_path / "short.avi", frames=12, rate=10)
    with open_video(path) as video:
        assert length_s(video) == pytest.approx(1.2)


@pytest.mark.parametrize(("rate", "frames"), [(0, 30), (25, 0), (25, -1), (25, 2e9)])
def test_a_length_that_cannot_be_is_none(rate, frames):
    class Odd(DrawnCapture):
        def get(self, prop):
            return rate if prop == cv2.CAP_PROP_FPS else frames

    assert length_s(Odd(1)) == 0


def test_a_video_can_be_cut_short_and_may_state_no_rate():
    frames = list(video_frames(DrawnCapture(100), 1, 0.25, "video"))
    assert [frame.time_s for frame in frames] == [0.0, 0.1, 0.2]
    frames = list(video_frames(DrawnCapture(2, rate=0.0), 1, 0.0, "video"))
    assert [frame.time_s for frame in frames] == [0.0, 0.04]


def test_frames_that_cannot_be_decoded_are_left_out():
    frames = list(video_frames(DrawnCapture(3, broken=(1,)), 1, 0.0, "video"))
    assert [frame.image[0, 0, 2] for frame in frames] == [0, 2]
    with pytest.raises(UnreadableImage, match=r"video: no frame .* can be decoded"):
        list(video_frames(DrawnCapture(0), 1, 0.0, "video"))


def test_a_real_file_is_read_back(tmp_path):
    path = write_video(tmp_path / "video.avi")
    with open_video(path) as video:
        frames = list(video_frames(video, 4, 0.0, str(path)))
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 0.4, 0.8])
    for frame, blue in zip(frames, (0, 80, 160), strict=True):
        colour = frame.image.reshape(-1, 3).mean(axis=0)
        assert colour == pytest.approx([255, 0, blue], abs=6)


def test_tokens_tell_videos_apart(tmp_path):
    one = write_video(tmp_path / "one.avi")
    other = write_video(tmp_path / "two.avi", frames=13)
    assert video_token(one) == video_token(one) != video_token(other)


@pytest.mark.parametrize(
    "content", [b"", b"no video", None], ids=["empty", "text", "cut"]
)
def test_what_is_no_video_ends_with_one_sentence(tmp_path, content, capfd):
    path = tmp_path / "video.avi"
    if content is None:
        content = write_video(path).read_bytes()[:300]
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match="not a video"), open_video(path):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["gone.mp4", "http://127.0.0.1:9/video.mp4"])
def test_missing_files_and_addresses_are_refused(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for ask in (video_token, lambda path: open_video(path).__enter__()):
        with pytest.raises(MissingInput, match="no such file"):
            ask(tmp_path / name)


def test_a_camera_may_be_slow_to_start_and_silent_at_the_end():
    frames = list(camera_frames(DrawnCapture(5, late=3), 1, 0.0, "camera-0"))
    assert [frame.image[0, 0, 2] for frame in frames] == [0, 1, 2, 3, 4]
    times = [frame.time_s for frame in frames]
    assert times == sorted(times) and times[0] >= 0
    with pytest.raises(UnreadableImage, match="gives no picture"):
        list(camera_frames(DrawnCapture(0), 1, 0.0, "camera-0"))


def test_a_camera_that_is_not_there(capfd):
    with pytest.raises(MissingInput, match="camera-63: cannot be opened"):
        open_camera(63).__enter__()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "wrong",
    [{"every": 0}, {"seconds": -1.0}, {"seconds": float("nan")}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InvalidConfig):
        VideoConfig(**wrong)


@pytest.mark.parametrize(
    ("head", "video"),
    [
        (b"\x00\x00\x00\x18ftypmp42", True),
        (b"\x00\x00\x00\x14ftypqt  ", True),
        (b"\x00\x00\x00\x18ftypheic", False),
        (b"\x00\x00\x00\x18ftypavif", False),
        (b"RIFF\x10\x00\x00\x00AVI LIST", True),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", False),
        (b"\x1aE\xdf\xa3\x01\x00", True),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", False),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"", False),
    ],
)
def test_videos_are_told_by_their_first_bytes(tmp_path, head, video):
    path = tmp_path / "video.jpg"
    path.write_bytes(head)
    assert is_video(path) is video
    assert not is_video(tmp_path / "missing.mp4")
    assert not is_video(tmp_path)


def test_camera_is_called_by_its_host_alone():
    assert camera_name(0) == "camera-0"
    assert camera_name("rtsp://user:secret@10.0.0.7:554/live") == "camera-10.0.0.7"


def test_camera_in_a_network_gives_frames(tmp_path):
    write_video(tmp_path / "live.avi", 3)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with open_camera(f"{address}/live.avi") as camera:
            assert len(list(camera_frames(camera, 1, 0.0, "x"))) == 3
        missing = open_camera(f"{address}/nothing.avi")
        with pytest.raises(MissingInput, match=r"127\.0\.0\.1: cannot be"), missing:
            pass
        server.shutdown()


def test_standard_input_becomes_a_file_for_a_while():
    with received_video(b"head", io.BytesIO(b" and rest")) as path:
        assert path.read_bytes() == b"head and rest"
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()
