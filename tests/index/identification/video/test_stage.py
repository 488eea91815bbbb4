"""A video gives one answer a track, each with a record and a card."""

import json

import numpy as np
import pytest

from index.enrollment.stage import enroll
from index.gallery.gallery import open_or_create_gallery
from index.identification.answers import MATCH, NO_FACE, UNKNOWN, answer_line
from index.identification.config import IdentifyConfig
from index.identification.stage import Identifier
from index.identification.video.frames import Frame
from index.identification.video.stage import identify_video
from masking.datasets.images import read_rgb
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.faces_for_index import (
    BLUE,
    GREEN,
    GREY,
    RED,
    ColourEmbedder,
    SquareFinder,
)


def frame(time_s, *faces):
    """A picture with a square of a colour at each (left, colour)."""
    image = np.full((100, 400, 3), GREY, dtype=np.uint8)
    for left, colour in faces:
        image[20:80, left : left + 60] = colour
    return Frame(time_s, image)


@pytest.fixture
def ask(tmp_path):
    from tests.fakes.faces_for_index import draw_photo

    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as gallery:
        photo = draw_photo(tmp_path / "red.png", RED)
        enroll("Red", [photo], gallery, ColourEmbedder(), SquareFinder())
        photo = draw_photo(tmp_path / "green.png", GREEN)
        enroll("Green", [photo], gallery, ColourEmbedder(), SquareFinder())
        gallery.set_calibration(flat_calibration(0.25).to_json())

        def asked(frames, cards=True, embedder=None):
            out, config = tmp_path / "out", IdentifyConfig()
            identifier = Identifier(
                gallery, embedder or ColourEmbedder(), SquareFinder(), out, config
            )
            path = tmp_path / "video.mp4"
            return identify_video(frames, path, "t0", identifier, cards)

        yield asked


def test_each_track_is_answered_once_by_the_mean_of_its_faces(ask, tmp_path):
    frames = [frame(step / 10, (20 + 5 * step, (240, 20, 20))) for step in range(5)]
    frames += [frame(0.5 + step / 10, (200, BLUE)) for step in range(3)]
    red, blue = ask(frames)
    assert (red.status, red.decision.name, red.face) == (MATCH, "Red", 1)
    assert (blue.status, blue.decision.name, blue.face) == (UNKNOWN, None, 2)
    assert (red.span.first_s, red.span.last_s, red.span.frames) == (0.0, 0.4, 5)
    # Colours (240, 20, 20) and (250, 5, 5) differ by (10, 15, 15) / 255.
    distance = np.linalg.norm([10, 15, 15]) / 255
    assert red.decision.matches[0].distance == pytest.approx(distance, abs=0.01)
    assert read_rgb(red.card).shape[2] == 3 and red.card != blue.card
    assert "(track 1, 0:00 to 0:00, 5 frames): Red" in answer_line(red)
    records = (tmp_path / "out" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["frames"] for line in records] == [5, 3]


def test_answers_come_while_the_video_goes_on(ask):
    def video():
        yield frame(0.0, (20, RED))
        yield frame(5.0, (200, GREEN))
        raise AssertionError("the first answer should have come before")

    first = next(ask(video(), cards=False))
    assert (first.decision.name, first.card) == ("Red", None)


def test_an_interrupt_answers_what_is_in_view(ask):
    def video():
        yield frame(0.0, (20, RED))
        raise KeyboardInterrupt

    (only,) = ask(video())
    assert only.decision.name == "Red"


def test_a_video_without_a_face(ask, tmp_path):
    (only,) = ask([frame(0.0), frame(1.0)])
    assert (only.status, only.card) == (NO_FACE, None)
    assert "video.mp4: no face found" in answer_line(only)
    assert (tmp_path / "out" / "answers.jsonl").read_text().count("\n") == 1


def test_a_frame_that_cannot_be_embedded_is_passed_over(ask, caplog):
    class Flickering(ColourEmbedder):
        def embed(self, chips):
            rows = super().embed(chips)
            return rows * np.float32(np.nan if self.embedded == 2 else 1)

    frames = [frame(step / 10, (20, RED)) for step in range(3)]
    (only,) = ask(frames, embedder=Flickering())
    assert only.span.frames == 2
    assert "not finite" in caplog.text
