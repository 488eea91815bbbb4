"""The table by set, worked out by hand."""

from index.evaluation.config import EvaluateConfig
from index.evaluation.protocol import read_collection
from index.evaluation.report.write import by_set
from index.evaluation.stage import evaluate
from tests.fakes.drawn_people import ColourEmbedder, DrawnFinder, draw_person


def report_of(folder, people, spoilt=0):
    """Two unmasked photos and a masked one each; of some the second shows others."""
    rows = ["person,file,mask"]
    for person in people:
        (folder / f"P{person}").mkdir(parents=True)
        for photo in range(3):
            wrong = photo == 1 and person - people[0] < spoilt
            shown = person + len(people) if wrong else person
            name = f"P{person}/{photo}.png"
            draw_person(folder / name, shown, photo, masked=photo == 2)
            rows.append(f"P{person},{name},{'cloth' if photo == 2 else 'no-mask'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    embedders = [ColourEmbedder("dlib", blur=0.5), ColourEmbedder("ours")]
    return evaluate(
        read_collection(folder),
        embedders,
        folder.parent / "found",
        EvaluateConfig(workers=1, rounds=0),
        make_finder=DrawnFinder,
    ).report


def test_sets_stand_in_lines_with_the_worst_and_the_gap(tmp_path):
    reports = [
        report_of(tmp_path / "west", range(8)),
        report_of(tmp_path / "east", range(8, 16), spoilt=4),
    ]
    head, columns, west, east, worst, gap = by_set(reports)
    assert head == "ours, masked reference (dlib), TAR at FAR 1% and rank 1"
    assert columns.split() == ["set", "people", "U-U", "M-U", "M-M", "rank", "1"]
    assert west.split()[:3] == ["west", "8", "1.000"]
    # Of half of the people the second photo shows somebody else.
    assert east.split()[:3] == ["east", "8", "0.500"]
    assert worst.split()[:2] == ["worst", "0.500"]
    assert gap.split()[:4] == ["best", "-", "worst", "0.500"]
