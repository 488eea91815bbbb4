"""The private sheets: what is on them, and that git does not see them."""

import json
import subprocess

import numpy as np

from index.evaluation.report.pictures import write_private
from index.evaluation.set_figures import WorstPair, WorstPairs
from index.evaluation.stage import PrivateErrors, wanted_chips
from masking.datasets.images import read_rgb

WORST = {
    "ours": {
        "M-U": WorstPairs((WorstPair(0.2, 0, 1),), (WorstPair(0.9, 2, 0),)),
        "M-M": WorstPairs((), (WorstPair(0.8, 1, 2),)),
    }
}


def errors(unfound):
    red, green = (np.full((20, 20, 3), c, np.uint8) for c in ((255, 0, 0), (0, 255, 0)))
    return PrivateErrors(
        WORST,
        {"ours": {"M-U": 0.5, "M-M": 0.5}},
        ["Ann/1.jpg", "Bob/1.jpg", "Ann/" + 80 * "x" + ".jpg"],
        {seen: red if seen[1] else green for seen in wanted_chips(WORST)},
        unfound,
        {"Bob/2.jpg": ["no face found."]},
    )


def test_masked_faces_come_from_the_masked_picture():
    assert wanted_chips(WORST) == {
        (0, True),
        (1, False),
        (2, True),
        (0, False),
        (1, True),
    }


def test_each_pair_is_drawn_side_by_side(tmp_path):
    (sheet,) = write_private(tmp_path, errors([]))
    pixels = read_rgb(sheet).reshape(-1, 3)
    red = (pixels == (255, 0, 0)).all(axis=1).sum()
    green = (pixels == (0, 255, 0)).all(axis=1).sum()
    # Two M-U pairs have a masked and an unmasked face each, the M-M pair two masked.
    assert (red, green) == (4 * 120 * 120, 2 * 120 * 120)


def test_faces_that_were_not_found_are_shown_and_listed(tmp_path):
    blue = np.full((20, 30, 3), (0, 0, 255), np.uint8)
    sheets = write_private(tmp_path, errors([(blue, "Bob/2.jpg")]))
    assert [sheet.name for sheet in sheets] == ["worst-0.png", "unfound.png"]
    assert (read_rgb(sheets[1]) == (0, 0, 255)).all(axis=2).sum() == 20 * 30
    reasons = json.loads((tmp_path / "unfound.json").read_text())
    assert reasons == {"Bob/2.jpg": ["no face found."]}


def test_git_ignores_the_sheets_wherever_they_are(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    write_private(tmp_path / "elsewhere" / "private", errors([]))
    assert (tmp_path / "elsewhere/private/README.txt").read_text().startswith("PRIVATE")
    (tmp_path / "seen.txt").write_text("by git")
    shown = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain", "-uall"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == ["??", "seen.txt"]
