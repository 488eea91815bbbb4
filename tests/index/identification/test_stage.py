"""Every photo gets an answer, a record and, if it has a face, a card."""

import json
from pathlib import Path

import numpy as np
import pytest

from index.calibration.calibration import Decision, Match, MatchProbability
from index.enrollment.stage import enroll
from index.gallery.erasure import erase_people
from index.gallery.gallery import open_or_create_gallery
from index.gallery.workspace_traces import RECORDS
from index.identification import recogniser as recognition
from index.identification.answers import (
    AMBIGUOUS,
    MATCH,
    NO_FACE,
    UNKNOWN,
    UNREADABLE,
    answer_line,
    answer_record,
    exit_code,
    once_each,
    table_row,
)
from index.identification.cards.canvas import HEIGHT_PX, WIDTH_PX
from index.identification.config import IdentifyConfig
from index.identification.stage import identify
from masking.datasets.images import read_bytes, read_rgb
from masking.errors import EmbedderMismatch, InvalidConfig, MissingInput, ToolkitError
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.faces_for_index import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    ColourEmbedder,
    SquareFinder,
    draw_photo,
)
from training.embedders.mask_classifier import MaskState

CONFIG = IdentifyConfig()
PROBABILITY = dict.fromkeys(("unmasked", "masked"), MatchProbability(0.0, 1.0, 1.0))


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        for name, colour in (("Person_01", RED), ("Zoë 李", GREEN)):
            photo = draw_photo(tmp_path / f"{name}.png", colour)
            enroll(name, [photo], opened, ColourEmbedder(), SquareFinder())
        opened.set_calibration(flat_calibration(0.25, PROBABILITY).to_json())
        yield opened


@pytest.fixture
def ask(gallery, tmp_path):
    def asked(*photos, config=CONFIG, embedder=None, read=read_bytes):
        embedder = embedder or ColourEmbedder()
        out = tmp_path / "identified"
        answers = identify(photos, gallery, embedder, SquareFinder(), out, config, read)
        return list(answers)

    return asked


def test_known_face_is_named_with_card_and_record(ask, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", (240, 20, 20))
    (answer,) = ask(probe)
    assert answer.status == MATCH
    assert answer.decision.name == "Person_01"
    assert [match.name for match in answer.decision.matches] == ["Person_01", "Zoë 李"]
    # Colours (240, 20, 20) and (250, 5, 5) differ by (10, 15, 15) / 255.
    distance = np.linalg.norm([10, 15, 15]) / 255
    best = answer.decision.matches[0]
    assert best.distance == pytest.approx(distance, abs=0.01)
    assert best.score == pytest.approx(100 * (0.25 - distance**2), abs=0.3)
    assert read_rgb(answer.card).shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert exit_code([answer.status]) == 0
    lines = (tmp_path / "identified" / "answers.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    assert len(lines) == 1
    assert record["name"] == "Person_01"
    assert record["box_px"] == [20.0, 20.0, 80.0, 80.0]
    assert record["names"] == ["Person_01"]
    assert record["accepted_from"] == 0
    assert record["matches"][0]["score"] == pytest.approx(best.score, abs=1e-6)
    assert record["matches"][0]["distance"] == pytest.approx(best.distance, abs=1e-6)
    # 100 * (0.25 - 550 / 255^2): a square of 0.0085.
    assert answer_line(answer).endswith(
        "Person_01, probability 92% (score +24.2, accepted from 0; higher is closer)"
    )


@pytest.mark.parametrize("first", ["Ann", "Zed"])
def test_one_person_under_two_names_is_told_as_such(ask, gallery, tmp_path, first):
    photo = draw_photo(tmp_path / "yellow.png", YELLOW)
    second = "Zed" if first == "Ann" else "Ann"
    for name in (first, second):
        enroll(name, [photo], gallery, ColourEmbedder(), SquareFinder())
    (answer,) = ask(draw_photo(tmp_path / "probe.png", YELLOW))
    assert answer.status == AMBIGUOUS
    assert (answer.decision.names, answer.decision.name) == ((first, second), None)
    assert exit_code([answer.status]) == 5
    # One of the two: s(25 / 10) for both, and a half for each.
    assert answer.decision.probability == pytest.approx(0.462, abs=0.002)
    line = answer_line(answer)
    assert f"{first} or {second}, probability of {first} 46%" in line
    assert "too alike: scores +25.0, +25.0, accepted from 0" in line
    record = json.loads(answer_record(answer))
    assert (record["status"], record["name"]) == ("ambiguous", None)
    assert record["names"] == [first, second]
    assert table_row(answer)["name"] == f"{first} or {second}"


def test_of_two_ambiguous_and_unknown_the_worse_decides():
    assert exit_code([MATCH, AMBIGUOUS]) == 5
    assert exit_code([AMBIGUOUS, UNKNOWN]) == 3


def test_cards_are_not_taken_for_photographs(ask, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", RED)
    (answer,) = ask(probe)
    for folder in (tmp_path, tmp_path / "identified"):
        with pytest.raises(InvalidConfig, match="lies in the folder of photographs"):
            ask(folder)
    assert len(ask(answer.card)) == 1


def test_records_are_appended(ask, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", RED)
    ask(probe)
    ask(probe)
    assert len((tmp_path / "identified/answers.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("engine", ["annoy", "exact"])
def test_impostor_is_unknown_but_candidates_are_told(ask, tmp_path, engine):
    probe = draw_photo(tmp_path / "probe.png", BLUE)
    config = IdentifyConfig(engine=engine)
    (answer,) = ask(probe, config=config)
    assert answer.status == UNKNOWN
    assert answer.decision.name is None
    assert len(answer.decision.matches) == 2
    assert answer.card.is_file()
    assert exit_code([answer.status]) == 3
    assert "unknown, nearest is" in answer_line(answer)


def test_every_face_of_a_photo_is_answered(ask, tmp_path):
    probe = draw_photo(tmp_path / "group.png", GREEN, YELLOW, RED)
    answers = ask(probe)
    assert [answer.decision.name for answer in answers] == ["Zoë 李", None, "Person_01"]
    assert [answer.face for answer in answers] == [1, 2, 3]
    assert len({answer.card for answer in answers}) == 3
    assert "(face 1 of 3)" in answer_line(answers[0])


def test_no_face(ask, tmp_path):
    (answer,) = ask(draw_photo(tmp_path / "nobody.png"))
    assert (answer.status, answer.card, answer.decision) == (NO_FACE, None, None)
    assert exit_code([answer.status]) == 4


def test_unreadable_photos_do_not_stop_the_batch(ask, tmp_path):
    good = draw_photo(tmp_path / "good.png", RED)
    text = tmp_path / "text.png"
    text.write_text("no image")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:-40])
    answers = ask(text, cut, tmp_path / "missing.jpg", good)
    assert [answer.status for answer in answers] == [UNREADABLE] * 3 + [MATCH]
    assert "not an image" in answers[0].reason
    assert exit_code(answer.status for answer in answers) == 2


def test_embedding_that_is_not_finite_is_reported(ask, tmp_path):
    class Broken(ColourEmbedder):
        def embed(self, chips):
            return super().embed(chips) * np.float32(np.nan)

    (answer,) = ask(draw_photo(tmp_path / "probe.png", RED), embedder=Broken())
    assert answer.status == UNREADABLE
    assert "not finite" in answer.reason


def test_worst_answer_decides_the_exit_code():
    assert exit_code([MATCH, UNKNOWN, NO_FACE, UNREADABLE]) == 2
    assert exit_code([UNKNOWN, NO_FACE, MATCH]) == 4
    assert exit_code([MATCH, UNKNOWN]) == 3
    assert exit_code([MATCH, MATCH]) == 0


def test_a_photo_of_several_gets_a_card_of_all(ask, tmp_path):
    (alone,) = ask(draw_photo(tmp_path / "alone.png", RED))
    assert alone.overview is None
    answers = ask(draw_photo(tmp_path / "group.png", GREEN, YELLOW))
    (overview,) = {answer.overview for answer in answers}
    assert overview.name.endswith("-all.png")
    assert read_rgb(overview).shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert json.loads(answer_record(answers[0]))["overview"] == str(overview)


def test_without_cards_nothing_is_drawn(ask, tmp_path):
    config = IdentifyConfig(cards=False)
    answers = ask(draw_photo(tmp_path / "group.png", GREEN, RED), config=config)
    assert [answer.decision.name for answer in answers] == ["Zoë 李", "Person_01"]
    assert {(answer.card, answer.overview) for answer in answers} == {(None, None)}
    assert [path.name for path in (tmp_path / "identified").iterdir()] == [RECORDS]


def test_a_heatmap_changes_the_card_alone(ask, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", (240, 20, 20))
    (plain,) = ask(probe)
    without = read_rgb(plain.card)
    config = IdentifyConfig(heatmap=True)
    embedder = ColourEmbedder()
    (explained,) = ask(probe, config=config, embedder=embedder)
    assert explained.decision == plain.decision
    assert embedder.embedded > 10
    # The third picture, and what it moves.
    differs = (read_rgb(explained.card) != without).any(axis=2)
    assert differs[624:924, 732:1032].mean() > 0.5
    # The headline is the same.
    assert not differs[:160].any()


def test_standard_input_has_a_name(ask, tmp_path):
    data = draw_photo(tmp_path / "probe.png", RED).read_bytes()
    (answer,) = ask(Path("-"), read=lambda path: data)
    assert answer.decision.name == "Person_01"
    assert answer.photo == Path("standard-input")
    assert answer.card.name.startswith("standard-input-")


def test_answers_come_one_by_one(gallery, tmp_path):
    good = draw_photo(tmp_path / "good.png", RED)

    def read(path):
        assert path == good, "read before the first answer was taken"
        return good.read_bytes()

    answers = identify(
        [good, tmp_path / "later.png"],
        gallery,
        ColourEmbedder(),
        SquareFinder(),
        tmp_path / "out",
        CONFIG,
        read,
    )
    assert next(answers).status == MATCH


def test_threshold_comes_from_the_gallery_calibration(ask, gallery, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", RED)
    with gallery.store.changes():
        gallery.store.execute("DELETE FROM meta WHERE key = 'calibration'")
    (before,) = ask(probe)
    assert not before.decision.calibrated
    assert "No probability: nothing was measured for this model" in answer_line(before)
    gallery.set_calibration(flat_calibration(0.2).to_json())
    (after,) = ask(probe)
    assert after.decision.calibrated
    assert after.decision.matches[0].score == pytest.approx(20, abs=0.2)
    assert "fewer than 20 people with several photos" in answer_line(after)


def test_another_score_is_accepted_from_on_demand(ask, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", (240, 20, 20))
    (strict,) = ask(probe, config=IdentifyConfig(threshold=24.9))
    assert (strict.status, strict.decision.accepted_from) == (UNKNOWN, 24.9)
    assert "score +24.2, accepted from +24.9" in answer_line(strict)


@pytest.mark.parametrize("masked", [False, True])
def test_face_is_compared_with_the_template_of_its_kind(
    ask, gallery, tmp_path, monkeypatch, masked
):
    state = MaskState(float(masked), 0.0)
    monkeypatch.setattr(recognition, "mask_states", lambda chips, geometry: (state,))
    photo = draw_photo(tmp_path / "blue.png", BLUE)
    enroll("Blue", [photo], gallery, ColourEmbedder(), SquareFinder(), masked=False)
    (answer,) = ask(photo)
    best = answer.decision.matches[0]
    assert (best.name, best.masked_template) == ("Blue", masked)
    embedding = gallery.person_template(best.person_id, False)
    template = gallery.person_template(best.person_id, masked)
    assert best.distance == pytest.approx(
        np.linalg.norm(embedding - template), abs=1e-6
    )
    assert (best.distance > 0.1) is masked
    assert [match.name for match in answer.decision.matches].count("Blue") == 1


def test_gallery_of_another_embedder_is_refused(ask, tmp_path):
    with pytest.raises(EmbedderMismatch):
        ask(draw_photo(tmp_path / "p.png", RED), embedder=ColourEmbedder("d" * 64))


def test_no_photo_and_empty_gallery(ask, gallery, tmp_path):
    with pytest.raises(MissingInput, match="no photograph was given"):
        ask()
    erase_people(gallery.store, ["Person_01"])
    erase_people(gallery.store, ["Zoë 李"])
    with pytest.raises(MissingInput, match="nobody is enrolled"):
        ask(draw_photo(tmp_path / "p.png", RED))


def test_removed_person_is_no_longer_named(ask, gallery, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", RED)
    assert ask(probe)[0].decision.name == "Person_01"
    erase_people(gallery.store, ["Person_01"])
    assert ask(probe)[0].decision.name is None


def test_out_that_is_a_file(gallery, tmp_path):
    (tmp_path / "file").write_text("")
    probe = draw_photo(tmp_path / "probe.png", RED)
    with pytest.raises(ToolkitError, match="cannot be written"):
        answers = identify(
            [probe],
            gallery,
            ColourEmbedder(),
            SquareFinder(),
            tmp_path / "file",
            CONFIG,
        )
        next(answers)


def test_odd_file_names(ask, tmp_path):
    probe = draw_photo(tmp_path / ("李 ümlaut\n" + "x" * 200 + ".png"), RED)
    (answer,) = ask(probe)
    assert answer.card.is_file() and answer.card.name.isprintable()
    assert json.loads(answer_record(answer))["photo"] == str(probe)


@pytest.mark.parametrize(
    "wrong",
    [{"top_k": 0}, {"engine": "magic"}, {"fpir": 0.0}, {"threshold": float("nan")}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InvalidConfig):
        IdentifyConfig(**wrong)


def test_name_is_given_once_in_a_photo_to_the_nearer_face(ask, tmp_path):
    photo = draw_photo(tmp_path / "two.png", (225, 25, 25), RED, GREEN)
    farther, nearer, other = ask(photo)
    assert [a.status for a in (farther, nearer, other)] == [UNKNOWN, MATCH, MATCH]
    assert (nearer.decision.name, other.decision.name) == ("Person_01", "Zoë 李")
    assert farther.reason.startswith("looks like Person_01, too, but face 2 of")
    record = json.loads(answer_record(farther))
    assert (record["name"], record["reason"]) == (None, farther.reason)
    assert record["matches"][0]["name"] == "Person_01"
    assert record["probability"] is None


def decided(score, *names):
    matches = tuple(Match(name, 1, score, 0.5, False) for name in names)
    return Decision(names, matches, 0.0, True, None, 0.9)


def test_nobody_who_is_in_a_photo_for_sure_is_likely_of_another_face():
    sure, two = decided(80.0, "Al"), decided(90.0, "Al", "Bert")
    apart = decided(10.0, "Cid", "Dan")
    (kept, nothing), (unnamed, reason), others = once_each([sure, two, apart])
    assert (kept, nothing) == (sure, "")
    assert (unnamed.names, unnamed.probability) == ((), None)
    assert reason == (
        "looks like Al or Bert, too, but face 1 of this photo is Al: nobody is in a "
        "photo twice"
    )
    assert others == (apart, "")


def test_each_candidate_comes_with_the_number_of_the_nearest_photo(
    ask, gallery, tmp_path
):
    darker = draw_photo(tmp_path / "darker.png", (225, 5, 5))
    enroll("Person_01", [darker], gallery, ColourEmbedder(), SquareFinder())
    for red, number in ((226, 2), (249, 1)):
        (answer,) = ask(draw_photo(tmp_path / f"{red}.png", (red, 5, 5)))
        matches = json.loads(answer_record(answer))["matches"]
        found = [(match["name"], match["photo"]) for match in matches]
        assert found == [("Person_01", number), ("Zoë 李", 1)]
