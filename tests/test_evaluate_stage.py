"""The whole evaluation with a fake finder and fake embedders on drawn pictures."""

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
import pytest
from drawn_people import SIDE_PX, ColourEmbedder, DrawnFinder, draw_person

from index.evaluate_config import EvaluateConfig
from index.evaluate_stage import evaluate
from index.labelled_photos import read_labelled_photos
from index.mask_painter import mask_painter
from masking.alignment import ChipGeometry
from masking.errors import InvalidConfig, MissingInput
from masking.image_files import read_rgb

CONFIG = EvaluateConfig(workers=1, rounds=20, batch_size=5)


@dataclass(frozen=True)
class GreyPainter:
    """Half of the picture becomes grey; photographs named 2 lose their face."""

    def kind(self, name):
        return "grey"

    def paint(self, image, landmarks, name):
        painted = image.copy()
        painted[SIDE_PX // 2 :] = 128
        if name.endswith("2.png"):
            painted[0, 0] = 0
        return painted


@pytest.fixture
def folder(tmp_path):
    """Nine people with three photographs, and one with a single photograph."""
    for person in range(10):
        for photo in range(3 if person < 9 else 1):
            draw_person(
                tmp_path / "people" / f"P{person}" / f"{photo}.png", person, photo
            )
    return tmp_path / "people"


@pytest.fixture
def run(folder, tmp_path):
    def evaluate_folder(*embedders, config=CONFIG, painter=GreyPainter(), **others):
        return evaluate(
            read_labelled_photos(folder),
            embedders or [ColourEmbedder("dlib")],
            tmp_path / "out",
            config,
            tmp_path / "found",
            DrawnFinder,
            painter,
            **others,
        )

    return evaluate_folder


def test_painted_masks_and_failures_are_counted(run):
    report = run()
    assert (report.photos, report.people, report.painted) == (28, 10, True)
    assert report.unmasked.detectors == {"drawn": 28}
    # Photographs 2 of nine people are lost under their mask.
    assert report.masked.detectors == {"": 9, "drawn": 19}
    assert report.masks == {"grey": 28}
    assert sorted(report.failures) == [f"P{n}/2.png" for n in range(9)]
    (figures,) = report.embedders
    assert figures.sets["U-U"].genuine_pairs == 9 * 3
    assert figures.sets["M-U"].genuine_pairs == 9 * 6
    assert figures.sets["M-M"].genuine_pairs == 9 * 3
    assert figures.sets["M-U"].impostor_pairs == 28 * 28 - 28 - 9 * 6
    # Of each person's M-U pairs 2 of 6, of the M-M pairs 2 of 3 have a lost face.
    assert figures.sets["U-U"].lost == 0
    assert figures.sets["M-U"].lost == pytest.approx(1 / 3)
    assert figures.sets["M-M"].lost == pytest.approx(2 / 3)


def test_colours_tell_people_apart_and_lost_faces_are_errors(run):
    (figures,) = run().embedders
    assert figures.sets["U-U"].tar == (1, 1, 1)
    assert figures.sets["U-U"].auc == 1
    assert figures.sets["M-M"].tar == pytest.approx((1 / 3,) * 3)
    assert figures.sets["M-M"].eer == pytest.approx(2 / 3)
    found = figures.ranks
    # P9 has no other photograph than the one its probe was painted on.
    assert (found.probes, found.left_out, found.gallery_people) == (27, 1, 10)
    assert found.cmc[0] <= 2 / 3
    assert found.cmc[-1] == pytest.approx(2 / 3)


def test_detections_can_be_taken_from_the_unmasked_face(run):
    report = run(config=dataclasses.replace(CONFIG, redetect=False))
    assert report.masked.failed == 0
    assert report.embedders[0].sets["M-M"].lost == 0


def test_whole_pictures_stand_in_for_lost_faces_if_asked_to(run):
    report = run(config=dataclasses.replace(CONFIG, on_no_face="crop"))
    assert report.masked.detectors == {"drawn": 19, "whole-picture": 9}
    assert "whole-picture 9" in report.table()


def test_embedders_stand_side_by_side(run, tmp_path):
    good = ColourEmbedder("good", ChipGeometry(size_px=32))
    report = run(ColourEmbedder("dlib", blur=0.2), good)
    noisy, clean = report.embedders
    assert noisy.sets["U-U"].eer > 0.1 > clean.sets["U-U"].eer
    assert clean.sets["U-U"].tar_at_plain == clean.sets["U-U"].tar
    table = report.table()
    assert (tmp_path / "out/table.txt").read_text() == table + "\n"
    rows = [line.split()[:2] for line in table.splitlines()]
    for row in (["U-U", "dlib"], ["U-U", "good"], ["M-M", "dlib"], ["rank-1", "good:"]):
        assert row in rows
    record = json.loads((tmp_path / "out/report.json").read_text())
    assert [entry["name"] for entry in record["embedders"]] == ["dlib", "good"]
    assert record["embedders"][1]["sets"]["U-U"]["auc"] == 1
    assert record["fars"] == [0.01, 0.001, 0.0001]
    for plot in ("roc.png", "det.png"):
        pixels = read_rgb(tmp_path / "out" / plot)
        assert pixels.std() > 5


def test_the_same_seed_gives_the_same_report(run):
    embedder = ColourEmbedder("dlib", blur=0.1)
    assert run(embedder).to_json() == run(embedder).to_json()


def test_labels_decide_who_is_masked(tmp_path):
    rows = ["person,file,mask"]
    for person in range(6):
        for photo in range(4):
            masked, name = photo >= 2, f"{person}-{photo}.png"
            found = not (person == 0 and photo == 3)
            draw_person(tmp_path / name, person, photo, found, masked)
            rows.append(f"P{person},{name},{'cloth' if masked else 'no-mask'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    report = evaluate(
        read_labelled_photos(tmp_path),
        [ColourEmbedder("dlib")],
        tmp_path / "out",
        CONFIG,
        tmp_path / "found",
        DrawnFinder,
    )
    assert not report.painted
    assert report.masks == {"cloth": 12}
    assert (report.masked.failed, report.unmasked.failed) == (1, 0)
    figures = report.embedders[0]
    assert figures.sets["M-U"].genuine_pairs == 6 * 4
    # One of six people lost half of the pairs.
    assert figures.sets["M-U"].lost == pytest.approx(1 / 12)
    assert (figures.ranks.probes, figures.ranks.left_out) == (12, 0)


def test_the_engine_paints_by_seed_and_name():
    painter = mask_painter(3, "surgical, cloth")
    kinds = {painter.kind(f"{n}.png") for n in range(30)}
    assert kinds == {"surgical", "cloth"}
    assert painter.specs("a.png") == mask_painter(3, "surgical, cloth").specs("a.png")
    assert painter.specs("a.png") != mask_painter(4, "surgical, cloth").specs("a.png")
    with pytest.raises(InvalidConfig, match="balaclava"):
        mask_painter(0, "surgical,balaclava")
    grey = np.full((120, 120, 3), 150, np.uint8)
    face = DrawnFinder().find(grey)[0]
    masked = painter.paint(grey, face.landmarks, "a.png")
    changed = (masked != grey).any(axis=2)
    assert 0.1 < changed.mean() < 0.9


def test_one_name_for_two_embedders_is_refused(run):
    with pytest.raises(InvalidConfig, match="different names"):
        run(ColourEmbedder("dlib"), ColourEmbedder("dlib", blur=0.1))


def test_another_metric_is_refused(run):
    embedder = ColourEmbedder("arc")
    embedder.metric = "cosine"
    with pytest.raises(InvalidConfig, match="expected 'euclidean'"):
        run(embedder)


def test_people_with_one_photograph_cannot_be_compared(run, folder):
    for path in folder.glob("P*/[12].png"):
        path.unlink()
    with pytest.raises(MissingInput, match="nothing to compare"):
        run()


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_no_face": "guess"},
        {"workers": -1},
        {"batch_size": 0},
        {"seed": -1},
        {"rounds": -1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InvalidConfig, match=name.replace("_", "-")):
        EvaluateConfig(**wrong)
