"""The whole evaluation with a fake finder and fake embedders on drawn pictures."""

import dataclasses
import json
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from index.datasets.views import mask_renderer
from index.evaluation.config import EvaluateConfig
from index.evaluation.protocol import read_collection
from index.evaluation.report import write as report_writing
from index.evaluation.report.write import ReportFolders, report_table, write
from index.evaluation.stage import evaluate
from masking.datasets.images import encode_image, read_rgb
from masking.errors import InvalidConfig, MissingInput
from masking.faces.alignment import ChipGeometry
from tests.fakes.drawn_people import SIDE_PX, ColourEmbedder, DrawnFinder, draw_person
from training.metrics.score_normalization import Cohort

CONFIG = EvaluateConfig(workers=1, rounds=20, batch_size=5, masked_references=False)
REFERENCES = dataclasses.replace(CONFIG, masked_references=True)


@dataclass(frozen=True)
class GreyRenderer:
    """Half of the picture becomes grey; photographs named 2 lose their face."""

    def kind(self, name):
        return "grey"

    def wearing_style(self, name):
        return "nose_out" if name.endswith("2.png") else "correct"

    def render(self, image, landmarks, name):
        rendered = image.copy()
        rendered[SIDE_PX // 2 :] = 128
        if name.endswith("2.png"):
            rendered[0, 0] = 0
        return rendered


class WornEmbedder(ColourEmbedder):
    """The colour above the eyes, and as a fourth number 1 where the mouth differs.

    There the red grows by `pull`, too.
    """

    dimension = 4

    def __init__(self, name, pull=0.0):
        super().__init__(name, ChipGeometry(size_px=24, padding=0.0))
        self._pull = pull

    def embed(self, chips):
        inner = chips[..., 6:18].astype(np.float32) / 255
        brows, mouth = inner[:, :, 1:4].mean((2, 3)), inner[:, :, 17:21].mean((2, 3))
        worn = np.abs(brows - mouth).max(axis=1) > 0.05
        brows[:, 0] += self._pull * worn
        return np.column_stack([brows, worn]).astype(np.float32)


@pytest.fixture(autouse=True)
def quick_plots(monkeypatch):
    """Drawing takes ten times as long as the rest; see `test_evaluate_plots`."""

    def one_pixel(embedders):
        names = ["roc.png", "det.png"] + ["cmc.png"] * bool(embedders[0].ranks)
        pixel = encode_image(np.zeros((1, 1, 3), np.uint8), ".png")
        return dict.fromkeys(names, pixel)

    monkeypatch.setattr(report_writing, "report_plots", one_pixel)


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
def evaluated(folder, tmp_path):
    def evaluate_folder(*embedders, config=CONFIG, renderer=GreyRenderer(), **others):
        return evaluate(
            others.pop("collection", None) or read_collection(folder),
            embedders or [ColourEmbedder("dlib")],
            tmp_path / "found",
            config,
            make_finder=DrawnFinder,
            renderer=renderer,
            **others,
        )

    return evaluate_folder


@pytest.fixture
def run(evaluated):
    """The report alone: writing it takes as long as the rest."""
    return lambda *embedders, **others: evaluated(*embedders, **others).report


@pytest.fixture
def written(evaluated, tmp_path):
    """The report, with its files in `tmp_path`."""

    def write_folder(*embedders, **others):
        evaluation = evaluated(*embedders, **others)
        write(evaluation, folders_in(tmp_path))
        return evaluation.report

    return write_folder


def folders_in(tmp_path):
    return ReportFolders(tmp_path / "out", tmp_path / "private")


def values(rates):
    return tuple(rate.value for rate in rates)


def test_photographs_that_cannot_be_read_are_named(run, folder, caplog):
    assert (run().unread, run().exit_code, caplog.messages) == (0, 0, [])
    (folder / "P0" / "3.heic").write_bytes(b"")
    report = run()
    assert (report.photos, report.unread, report.exit_code) == (29, 1, 2)
    (told,) = caplog.messages
    assert told.startswith(f"not read: {folder}/P0/3.heic: .heic files are not read")


def test_rendered_masks_and_failures_are_counted(written, tmp_path):
    report = written()
    assert (report.photos, report.people, report.rendered) == (28, 10, True)
    assert report.unmasked.detectors == {"drawn": 28}
    # Photographs 2 of nine people are lost under their mask.
    assert report.masked.detectors == {"": 9, "drawn": 19}
    assert report.masks == {"grey": 28}
    unfound = json.loads((tmp_path / "private/unfound.json").read_text())
    assert sorted(unfound) == [f"P{n}/2.png" for n in range(9)]
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
    assert values(figures.sets["U-U"].tar) == (1, 1, 1)
    assert figures.sets["U-U"].auc.value == 1
    assert values(figures.sets["M-M"].tar) == pytest.approx((1 / 3,) * 3)
    assert figures.sets["M-M"].eer.value == pytest.approx(2 / 3)
    found = figures.ranks
    # P9 has no other photograph than the one its probe was rendered on.
    assert (found.probes, found.left_out, found.gallery_people) == (27, 1, 10)
    assert found.cmc[0] <= 2 / 3
    assert found.cmc[-1] == pytest.approx(2 / 3)


def test_errors_by_property_are_told_in_all_reports(written, tmp_path):
    report = written(config=dataclasses.replace(CONFIG, by="eyes,style"))
    (eyes,) = report.by_property["eyes"]
    assert (eyes.name, eyes.faces, eyes.failed) == ("20 to 30", 28, 9)
    assert eyes.eye_error == 0
    correct, nose_out = report.by_property["style"]
    assert (correct.name, correct.faces, correct.failed) == ("correct", 19, 0)
    assert (nose_out.faces, nose_out.failed, nose_out.mu.value) == (9, 9, 0)
    record = json.loads((tmp_path / "out/report.json").read_text())
    assert record["by_property"]["eyes"][0]["failed"] == 9
    for name in ("table.txt", "report.html"):
        text = (tmp_path / "out" / name).read_text()
        assert re.search(r"wearing style +masked +lost", text)
        assert re.search(r"nose out +9 +9 +-", text)


def test_whole_pictures_stand_in_for_lost_faces_if_asked_to(run):
    report = run(config=dataclasses.replace(CONFIG, on_no_face="crop"))
    assert report.masked.detectors == {"drawn": 19, "whole-picture": 9}
    assert "whole-picture 9" in report_table(report)


def test_embedders_stand_side_by_side(written, tmp_path):
    good = ColourEmbedder("good", ChipGeometry(size_px=32))
    report = written(ColourEmbedder("dlib", blur=0.2), good)
    noisy, clean = report.embedders
    assert noisy.sets["U-U"].eer.value > 0.1 > clean.sets["U-U"].eer.value
    assert clean.sets["U-U"].tar_at_plain == values(clean.sets["U-U"].tar)
    gain = clean.sets["U-U"].gain[0]
    assert gain.value == pytest.approx(1 - noisy.sets["U-U"].tar[0].value)
    assert 0 < gain.low < gain.high
    assert noisy.sets["U-U"].gain == ()
    table = report_table(report)
    assert (tmp_path / "out/table.txt").read_text() == table + "\n"
    rows = [line.split()[:2] for line in table.splitlines()]
    for row in (["U-U", "dlib"], ["U-U", "good"], ["M-M", "dlib"], ["rank-1", "good:"]):
        assert row in rows
    record = json.loads((tmp_path / "out/report.json").read_text())
    assert [entry["name"] for entry in record["embedders"]] == ["dlib", "good"]
    assert record["embedders"][1]["sets"]["U-U"]["auc"]["value"] == 1
    assert record["fars"] == [0.01, 0.001, 0.0001]
    for plot in ("roc.png", "det.png", "cmc.png"):
        assert read_rgb(tmp_path / "out" / plot).shape == (1, 1, 3)


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
        read_collection(tmp_path),
        [ColourEmbedder("dlib")],
        tmp_path / "found",
        CONFIG,
        make_finder=DrawnFinder,
    ).report
    assert not report.rendered
    assert report.masks == {"cloth": 12}
    assert (report.masked.failed, report.unmasked.failed) == (1, 0)
    figures = report.embedders[0]
    assert figures.sets["M-U"].genuine_pairs == 6 * 4
    # One of six people lost half of the pairs.
    assert figures.sets["M-U"].lost == pytest.approx(1 / 12)
    assert (figures.ranks.probes, figures.ranks.left_out) == (12, 0)


def test_the_engine_renders_by_seed_and_name():
    renderer = mask_renderer(3, "surgical, cloth")
    kinds = {renderer.kind(f"{n}.png") for n in range(30)}
    assert kinds == {"surgical", "cloth"}
    assert renderer.specs("a.png") == mask_renderer(3, "surgical, cloth").specs("a.png")
    assert renderer.specs("a.png") != mask_renderer(4, "surgical, cloth").specs("a.png")
    with pytest.raises(InvalidConfig, match="balaclava"):
        mask_renderer(0, "surgical,balaclava")
    grey = np.full((120, 120, 3), 150, np.uint8)
    face = DrawnFinder().find(grey)[0]
    masked = renderer.render(grey, face.landmarks, "a.png")
    changed = (masked != grey).any(axis=2)
    assert 0.1 < changed.mean() < 0.9


def test_two_embedders_of_one_name_are_told_apart_and_equal_ones_shown_once(run):
    first, other = ColourEmbedder("dlib"), ColourEmbedder("dlib", blur=0.1)
    other.fingerprint = "f" * 64
    names = [figures.name for figures in run(first, other, first).embedders]
    assert names == [f"dlib-{first.fingerprint[:8]}", "dlib-ffffffff"]


def test_cosines_rank_as_distances_of_unit_vectors(run):
    embedder = ColourEmbedder("cosine", blur=0.1)
    scaled = ColourEmbedder("scaled", blur=0.1)
    embed = scaled.embed
    # The length of a vector says nothing to a cosine.
    scaled.embed = lambda chips: embed(chips) * (1 + chips.mean((1, 2, 3))[:, None])
    embedder.metric = scaled.metric = "cosine"
    plain, longer = run(embedder, scaled).embedders
    assert longer.sets["M-U"].auc.value == pytest.approx(plain.sets["M-U"].auc.value)
    assert plain.sets["M-U"].thresholds[0] < 2


def test_another_metric_is_refused(run):
    embedder = ColourEmbedder("arc")
    embedder.metric = "manhattan"
    with pytest.raises(InvalidConfig, match="expected one of euclidean, cosine"):
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
        {"max_pairs": 999},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InvalidConfig, match=name.replace("_", "-")):
        EvaluateConfig(**wrong)


def listed(folder, text):
    (folder.parent / "pairs.csv").write_text("file_a,file_b,same\n" + text)
    return read_collection(folder, pairs=folder.parent / "pairs.csv")


def test_only_listed_pairs_are_compared(written, folder, tmp_path):
    same = [f"P{n}/0.png,P{n}/1.png,1\n" for n in range(8)]
    two = [f"P{n}/0.png,P{n + 1}/1.png,0\n" for n in range(8)]
    report = written(collection=listed(folder, "".join(same + two)))
    assert (report.listed.pairs, report.listed.same) == (16, 8)
    assert report.photos == 17
    (figures,) = report.embedders
    for kind, times in (("U-U", 1), ("M-U", 2), ("M-M", 1)):
        found = figures.sets[kind]
        assert (found.genuine_pairs, found.impostor_pairs) == (8 * times, 8 * times)
    assert figures.sets["U-U"].pair_accuracy.value == 1
    assert figures.ranks is None
    assert "16 listed pairs" in report_table(report)
    assert not (tmp_path / "out/cmc.png").exists()
    page = (tmp_path / "out/report.html").read_text()
    assert "16 listed pairs, 8 of them of one person" in page
    assert "Identification" not in page


def test_kinds_of_mask_are_measured_apart(run):
    @dataclass(frozen=True)
    class TwoKinds(GreyRenderer):
        def kind(self, name):
            return "cloth" if name.endswith("0.png") else "grey"

    report = run(renderer=TwoKinds(), trained_kinds=frozenset({"cloth", "visor"}))
    (figures,) = report.embedders
    assert report.masks == {"cloth": 10, "grey": 18}
    cloth, grey = figures.by_mask["cloth"], figures.by_mask["grey"]
    assert (cloth.faces, cloth.failed) == (10, 0)
    assert (grey.faces, grey.failed) == (18, 9)
    # Each masked 0 with two unmasked photographs; 1 and 2 likewise, but 2 is lost.
    assert cloth.sets["M-U"].genuine_pairs == 9 * 2
    assert cloth.sets["M-U"].lost == 0
    assert grey.sets["M-U"].genuine_pairs == 9 * 4
    assert grey.sets["M-U"].lost == pytest.approx(1 / 2)
    # One cloth mask a person: no genuine pair of two.
    assert list(cloth.sets) == ["M-U"]
    assert grey.sets["M-M"].genuine_pairs == 9
    assert (cloth.ranks.probes, grey.ranks.probes) == (9, 18)
    assert report.novelty == {"seen": ["cloth"], "unseen": ["grey"]}
    assert figures.by_novelty["unseen"].sets["M-U"].genuine_pairs == 9 * 4
    rows = [line.split() for line in report_table(report).splitlines()]
    assert ["unseen", "18", "9", "dlib"] in [row[:4] for row in rows]


def test_unseen_kinds_can_be_named(run):
    config = dataclasses.replace(CONFIG, unseen="visor, grey")
    with pytest.raises(InvalidConfig, match=r"visor: nobody wears that.*grey"):
        run(config=config)
    # All masks are unseen: nothing to compare them with.
    assert run(config=dataclasses.replace(CONFIG, unseen="grey")).novelty == {}


def test_a_sample_is_said_to_be_one(written, tmp_path):
    report = written(config=dataclasses.replace(CONFIG, max_pairs=1000))
    assert not report.sampled
    # 28 x 28 M-U pairs are 784; the smallest limit needs a few more photographs.
    for person in range(10, 20):
        for photo in range(2):
            path = tmp_path / "people" / f"Q{person}" / f"{photo}.png"
            draw_person(path, person, photo)
    report = written(
        config=dataclasses.replace(CONFIG, max_pairs=1000),
        collection=read_collection(tmp_path / "people"),
    )
    assert report.sampled
    found = report.embedders[0].sets["M-U"]
    assert found.genuine_pairs + found.impostor_pairs == 1000
    assert found.impostor_possible == 48 * 48 - 28 * 28 + 28 * 28 - found_same(report)
    assert "a sample was compared" in report_table(report)
    assert "a random sample was compared" in (tmp_path / "out/report.html").read_text()


def found_same(report):
    """Tables of a person with itself: nine have three photographs, ten two."""
    return 9 * 9 + 1 + 10 * 4


def test_the_private_sheets_are_apart_from_the_report(written, tmp_path):
    written(ColourEmbedder("dlib", blur=0.2), ColourEmbedder("good"))
    names = {path.name for path in (tmp_path / "private").iterdir()}
    sheets = {"worst-0.png", "worst-1.png", "unfound.png"}
    assert names == sheets | {".gitignore", "README.txt", "unfound.json"}
    shown = read_rgb(tmp_path / "private/worst-0.png")
    # People are colours, the rest of the sheet is grey.
    assert (np.ptp(shown.astype(int), axis=2) > 60).mean() > 0.1
    for name in ("report.html", "report.json", "table.txt"):
        text = (tmp_path / "out" / name).read_text()
        without_plots = re.sub('"data:image/png;base64,[^"]*"', "", text)
        assert "P1" not in without_plots and ".png" not in without_plots


def test_after_each_embedder_masked_faces_are_compared_with_references(run):
    report = run(WornEmbedder("dlib"), ColourEmbedder("other"), config=REFERENCES)
    names = [figures.name for figures in report.embedders]
    assert names == [
        "dlib",
        "dlib, masked reference",
        "other",
        "other, masked reference",
    ]
    plain, referred, other, other_referred = report.embedders
    assert list(plain.sets) == list(other.sets) == ["U-U", "M-U", "M-M"]
    assert list(referred.sets) == list(other_referred.sets) == ["M-U"]
    assert referred.fingerprint == plain.fingerprint
    assert list(referred.by_mask["grey"].sets) == ["M-U"]
    assert referred.ranks.probes == referred.by_mask["grey"].ranks.probes == 27
    # Gains are over the first embedder as it is.
    assert referred.ranks.rank1_gain.value == pytest.approx(
        referred.ranks.rank1.value - plain.ranks.rank1.value
    )
    assert len(referred.sets["M-U"].gain) == 3
    # Masks are one number away from unmasked faces, and half of that from the mean of
    # both; what is above the mask is as far as ever.
    unmasked = np.square(plain.sets["M-U"].thresholds)
    under = np.square(referred.sets["M-U"].thresholds)
    assert unmasked - under == pytest.approx(1 - 1 / 4, abs=1e-4)


def test_masked_faces_are_searched_among_references(run):
    # Masks pull people of little and of medium red nearer to those of the next.
    embedder = WornEmbedder("dlib", pull=0.2)
    plain, referred = run(embedder, config=REFERENCES).embedders
    # A third of the masked faces is lost.
    assert plain.ranks.rank1.value == pytest.approx(2 / 3 * 1 / 3)
    assert referred.ranks.rank1.value == pytest.approx(2 / 3)


def test_the_table_shows_and_explains_reference_columns(run):
    table = report_table(run(config=REFERENCES))
    rows = [line.split("  ")[:2] for line in table.splitlines()]
    assert [
        row[0].strip() for row in rows if row[1:] == ["dlib, masked reference"]
    ] == ["M-U"]
    assert "rank-1 dlib, masked reference: " in table
    assert '"NAME, masked reference" compares masked faces as galleries do' in table
    assert "masked reference" not in report_table(run())


def test_listed_pairs_have_reference_columns_too(run, folder):
    same = [f"P{n}/0.png,P{n}/1.png,1\n" for n in range(8)]
    two = [f"P{n}/0.png,P{n + 1}/1.png,0\n" for n in range(8)]
    pairs = listed(folder, "".join(same + two))
    plain, referred = run(
        WornEmbedder("dlib"), collection=pairs, config=REFERENCES
    ).embedders
    assert list(referred.sets) == ["M-U"]
    assert referred.ranks is None
    unmasked = np.square(plain.sets["M-U"].thresholds)
    under = np.square(referred.sets["M-U"].thresholds)
    assert unmasked - under == pytest.approx(1 - 1 / 4, abs=1e-4)


def test_reference_columns_follow_those_of_their_embedder(run):
    report = run(ColourEmbedder("dlib"), ColourEmbedder("good"), config=REFERENCES)
    assert [figures.name for figures in report.embedders] == [
        "dlib",
        "dlib, masked reference",
        "good",
        "good, masked reference",
    ]


def test_a_cohort_counts_unless_it_is_left_out(run):
    fair, plain = ColourEmbedder("fair", blur=0.05), ColourEmbedder("plain", blur=0.05)
    fair.cohort = Cohort.of(np.random.default_rng(0).uniform(size=(40, 3)), 0.1)
    beside, beside_plain = run(fair, plain).embedders
    assert values(beside.sets["U-U"].tar) != values(beside_plain.sets["U-U"].tar)
    without = run(fair, plain, config=replace(CONFIG, cohorts=False)).embedders
    assert values(without[0].sets["U-U"].tar) == values(without[1].sets["U-U"].tar)
    assert values(without[1].sets["U-U"].tar) == values(beside_plain.sets["U-U"].tar)
