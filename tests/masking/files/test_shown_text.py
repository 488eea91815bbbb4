"""Numbers agree with their nouns, and columns begin below each other."""

import pytest

from masking.files.shown_text import aligned, counted


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "photo", "0 photos"),
        (1, "photo", "1 photo"),
        (2, "photo", "2 photos"),
        (1, "person", "1 person"),
        (1234, "person", "1,234 people"),
    ],
)
def test_numbers_agree_with_their_nouns(number, noun, text):
    assert counted(number, noun) == text


def test_columns_begin_below_each_other_in_a_terminal():
    # Two letters of four places, a letter with its accent apart, an escaped line break.
    rows = [("name", "photos"), ("李小", "2"), ("Zoe\u0308", "1"), ("a\nb", "")]
    assert aligned(rows) == [
        "name  photos",
        "李小  2",
        "Zoe\u0308   1",
        "a\\nb",
    ]
