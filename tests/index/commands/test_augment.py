"""The last lines of `augment` tell photos, faces and masks apart."""

from typing import Any

from index.commands.augment import _counts, _skipped
from masking.augment.report import AugmentReport


def report(**changes):
    counts: dict[str, Any] = {
        "photos": 10,
        "people": 3,
        "faces": 7,
        "chips": 7,
        "masked": 14,
    }
    masks = {"cloth": 14, "shield": 6}
    return AugmentReport(
        **(
            counts
            | {"masked_photos": 5, "reused": 0, "detectors": {}, "kinds": masks}
            | {"wearing_styles": {}}
            | changes
        )
    )


def test_photos_faces_and_masks_are_counted_apart():
    # Five whole photos have two masks more than the 14 chips.
    assert _counts(report()) == (
        "10 photos of 3 people, 7 faces found, 20 masks rendered"
    )
    one = report(photos=1, people=1, faces=1, kinds={"cloth": 1}, deleted=1)
    assert _counts(one) == (
        "1 photo of 1 person, 1 face found, 1 mask rendered, 1 old file deleted"
    )


def test_what_is_skipped_says_why():
    skipped = {"a": "a: no face found.", "b": "b: no face found.", "c": "c: cut off."}
    assert _skipped(report(skipped=skipped, unread=["c"])) == (
        "3 photos skipped, 2 without a face, 1 not read"
    )
    one = report(skipped={"c": "c: cut off."}, unread=["c"])
    assert _skipped(one) == "1 photo skipped, 1 not read"
