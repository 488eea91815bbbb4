"""The page of an evaluation: complete, escaped, and without another file."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from index.evaluation.config import EvaluateConfig
from index.evaluation.protocol import read_collection
from index.evaluation.report import write as report_writing
from index.evaluation.report.write import (
    SUMMARY_ROWS,
    ReportFolders,
    report_html,
    report_summary,
    report_table,
    write,
)
from index.evaluation.stage import evaluate
from tests.fakes.drawn_people import ColourEmbedder, DrawnFinder, draw_person
from training.metrics.bootstrap import Rate

EVIL = "<script>alert('x')</script>"
VOID = {"meta", "img", "link", "br"}


class Tags(HTMLParser):
    """Every tag is closed in order; collects addresses, and what tables say.

    Rows are lists of cells; heads are cells beside several rows, with how many.
    """

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.addresses, self.text = [], [], [], []
        self.rows, self.heads = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            rows = dict(attributes).get("rowspan")
            if tag == "th" and rows and "tbody" in self.open:
                self.heads.append([None, int(rows)])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data
        if self.heads and self.heads[-1][0] is None:
            self.heads[-1][0] = data

    def rows_of(self, network):
        return [row for row in self.rows if network in row]


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """Six people with two unmasked and two masked photographs each."""

    monkeypatch.setattr(report_writing, "report_plots", lambda embedders: PLOTS)

    def run(*embedders, rounds=20, references=False, pairs=None):
        rows = ["person,file,mask"]
        for person in range(6):
            for photo in range(4):
                name = f"{person}-{photo}.png"
                draw_person(tmp_path / name, person, photo, masked=photo >= 2)
                mask = ("no-mask", "no-mask", "cloth", EVIL)[photo]
                rows.append(f"P{person},{name},{mask}")
        (tmp_path / "labels.csv").write_text("\n".join(rows))
        if pairs:
            (tmp_path / "pairs.csv").write_text("file_a,file_b,same\n" + pairs)
        evaluation = evaluate(
            read_collection(tmp_path, pairs=tmp_path / "pairs.csv" if pairs else None),
            embedders,
            tmp_path / "found",
            EvaluateConfig(
                workers=1,
                rounds=rounds,
                unseen="" if pairs else EVIL,
                masked_references=references,
            ),
            make_finder=DrawnFinder,
        )
        write(evaluation, ReportFolders(tmp_path / "out", tmp_path / "private"))
        return evaluation.report

    return run


PLOTS = dict.fromkeys(("roc.png", "det.png", "cmc.png"), b"\x89PNG")


def parsed(page):
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def test_the_page_is_whole_and_needs_no_other_file(evaluated):
    page = report_html(
        evaluated(ColourEmbedder("dlib", blur=0.1), ColourEmbedder("b")), PLOTS
    )
    tags = parsed(page)
    assert tags.seen.count("img") == 3
    assert all(address.startswith("data:image/png") for address in tags.addresses)
    assert not re.search(r"https?:", page)
    text = " ".join(tags.text)
    for part in ("Verification", "Gain over dlib", "ROC", "DET", "Identification"):
        assert part in text
    for part in ("By kind of mask", "Masks that training rendered", "TPIR at FPIR 1%"):
        assert part in text
    assert "nan" not in text.lower()


def test_names_and_labels_are_escaped(evaluated):
    page = report_html(
        evaluated(ColourEmbedder("dlib"), ColourEmbedder("<b>bold</b>")), PLOTS
    )
    tags = parsed(page)
    assert "script" not in tags.seen and "b" not in tags.seen
    assert EVIL in tags.text and "<b>bold</b>" in tags.text


def test_figures_are_those_of_the_report(evaluated):
    report = evaluated(ColourEmbedder("dlib", blur=0.1))
    text = [part.strip() for part in parsed(report_html(report, PLOTS)).text]
    found = report.embedders[0]
    tar = found.sets["M-U"].tar[0]
    assert f"{tar.value:.3f}" in text
    assert f"[{tar.low:.3f}, {tar.high:.3f}]" in text
    assert f"{found.sets['M-U'].auc.value:.4f}" in text
    assert "Gain over dlib" not in text


def test_without_bootstrap_there_are_no_empty_brackets(evaluated):
    report = evaluated(ColourEmbedder("dlib"), ColourEmbedder("b"), rounds=0)
    text = " ".join(parsed(report_html(report, PLOTS)).text)
    assert "no bootstrap was asked for" in text
    assert "nan" not in text.lower()
    assert np.isnan(report.embedders[0].sets["U-U"].tar[0].low)
    assert isinstance(report.embedders[1].sets["U-U"].gain[0], Rate)


def test_a_network_with_references_is_shown_where_it_has_figures(evaluated):
    tags = parsed(
        report_html(evaluated(ColourEmbedder("dlib"), references=True), PLOTS)
    )
    expected = [["U-U", 1], ["M-U", 2], ["M-M", 1], ["M-U", 1]]
    expected += [[name, 2] for name in ("seen", "unseen", EVIL, "cloth")]
    assert tags.heads == expected
    # Verification, gain, identification, two groups and two kinds.
    rows = tags.rows_of("dlib, masked reference")
    assert len(rows) == 7
    for row in rows:
        figures = row[row.index("dlib, masked reference") + 1 :]
        assert any(cell[-1:].isdigit() or cell[-1:] == "]" for cell in figures)
    said = '"NAME, masked reference" compares masked faces as galleries do'
    assert said in " ".join(tags.text)


def test_without_references_they_are_not_explained(evaluated):
    text = " ".join(parsed(report_html(evaluated(ColourEmbedder("a")), PLOTS)).text)
    assert ", masked reference" not in text


def test_a_network_without_any_figure_has_no_rows(evaluated):
    # Two masked faces each: nothing is unmasked, and lists are not searched.
    same = "".join(f"{n}-2.png,{n}-3.png,1\n" for n in range(6))
    two = "".join(f"{n}-2.png,{n + 1}-2.png,0\n" for n in range(5))
    report = evaluated(ColourEmbedder("dlib"), references=True, pairs=same + two)
    tags = parsed(report_html(report, PLOTS))
    assert tags.rows_of("dlib, masked reference") == []
    assert "Gain over" not in " ".join(tags.text)
    assert tags.heads == [["M-M", 1], [EVIL, 1], ["cloth", 1]]
    rows = [line.split("  ")[:2] for line in report_table(report).splitlines()]
    assert ["M-M", "dlib"] in [[cell.strip() for cell in row] for row in rows]
    assert not any("dlib, masked reference" in row for row in rows)


def test_a_terminal_gets_ours_beside_dlibs_with_the_gain(evaluated):
    report = evaluated(ColourEmbedder("dlib", blur=0.1), ColourEmbedder("b"))
    lines = report_summary(report).splitlines()
    assert lines[0].startswith("24 photographs of 6 people: 12 unmasked faces, 12 mas")
    assert lines[1] == "not acquired: 0 unmasked and 0 masked faces"
    head = ["set", "network", "TAR at FAR 0.1%", "gain over dlib", "at FAR 1%"]
    assert re.split(r"  +", lines[3]) == head
    rows = [re.split(r"  +", line) for line in lines[4:]]
    names = ["U-U", "M-U", "M-M", "rank 1"]
    assert [row[:2] for row in rows] == [[n, e] for n in names for e in ("dlib", "b")]
    for theirs, ours in zip(rows[::2], rows[1::2], strict=True):
        gain = float(ours[2][:5]) - float(theirs[2][:5])
        assert float(ours[3][:6]) == pytest.approx(gain, abs=0.0011)
        assert re.fullmatch(
            r"[+-][01]\.\d{3} \[[+-][01]\.\d{3}, [+-][01]\.\d{3}\]", ours[3]
        )


def test_a_terminal_gets_at_most_twenty_lines(evaluated):
    networks = [ColourEmbedder("dlib", blur=0.1), ColourEmbedder("b")]
    report = evaluated(*networks, ColourEmbedder("c"), references=True)
    lines = report_summary(report).splitlines()
    # 3 of U-U, 6 of M-U, 3 of M-M and 6 of rank 1; two lines follow on files.
    assert lines[-1] == f"and {18 - SUMMARY_ROWS} more lines in the report"
    assert len(lines) + 2 <= 20
