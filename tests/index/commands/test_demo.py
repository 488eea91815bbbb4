"""The demo says what training gained, and what it is measured on."""

from index.commands.demo import gain_line


def test_the_gain_is_that_of_masked_against_unmasked_photos():
    before, after = {"uu_1e2": 0.97, "mu_1e2": 0.514}, {"uu_1e2": 0.98, "mu_1e2": 0.66}
    assert gain_line(before, after, 25) == (
        "25 people held out, masked against unmasked photos: 51% accepted before, 66% "
        "after, where 1 impostor in 100 is"
    )
