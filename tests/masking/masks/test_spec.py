"""Specs are data: drawn at random once, written, and read back the same."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from masking.errors import BadRecord, InvalidConfig
from masking.masks.spec import (
    MASKS,
    OCCLUDERS,
    PRINTS,
    WEARING_STYLES,
    SpecConfig,
    draw_all,
    draw_occluder,
    draw_specs,
    sample_rng,
    spec_from_json,
)


@pytest.fixture(scope="module")
def many():
    names = [str(number) for number in range(4000)]
    return [specs[0] for specs in draw_all(5, names, SpecConfig())]


def test_json_gives_the_same_spec_back(many):
    for spec in many[:200]:
        text = json.dumps(spec.to_json())
        assert spec_from_json(json.loads(text)) == spec


def test_records_with_other_fields_are_refused(many):
    record = many[0].to_json()
    less = {name: value for name, value in record.items() if name != "hang"}
    for wrong in (less, record | {"brand": "none"}, {}):
        with pytest.raises(BadRecord, match="expected"):
            spec_from_json(wrong)


def test_the_sample_and_the_seed_decide_the_mask():
    def drawn(seed, sample_id):
        return draw_specs(sample_rng(seed, sample_id), SpecConfig())[0]

    assert drawn(3, "Ann/1.jpg#0") == drawn(3, "Ann/1.jpg#0")
    others = {drawn(3, "Ann/1.jpg#0"), drawn(3, "Ann/1.jpg#1"), drawn(4, "Ann/1.jpg#0")}
    assert len(others) == 3


def test_names_that_are_no_unicode_have_masks_too():
    # What Python makes of a file name with a stray byte.
    name = b"Ann/\xff.jpg".decode("utf-8", "surrogateescape")
    assert draw_specs(sample_rng(0, name), SpecConfig())[0].kind in MASKS


def test_every_kind_wear_and_print_is_drawn(many):
    kinds = Counter(spec.kind for spec in many)
    assert set(kinds) == set(MASKS)
    # 4000 / 6 = 667 with a standard deviation of 24.
    assert all(567 < count < 767 for count in kinds.values())
    wearing_styles = Counter(spec.wearing_style for spec in many)
    assert set(wearing_styles) == set(WEARING_STYLES)
    assert wearing_styles["correct"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert wearing_styles["nose_out"] / 4000 == pytest.approx(0.10, abs=0.02)
    assert {spec.print_name for spec in many} == set(PRINTS) - {"image"}


def test_only_respirators_have_valves(many):
    with_valve = Counter(spec.kind for spec in many if spec.valve)
    assert set(with_valve) == {"ffp2", "kn95"}


def test_crooked_masks_are_turned_and_others_hardly(many):
    crooked = [spec.tilt_rad for spec in many if spec.wearing_style == "crooked"]
    others = [spec.tilt_rad for spec in many if spec.wearing_style != "crooked"]
    assert min(np.abs(crooked)) >= np.deg2rad(7)
    assert min(crooked) < 0 < max(crooked)
    assert max(np.abs(others)) <= 0.1


def test_colours_are_reflectances(many):
    colours = np.array([[spec.colour, spec.second, spec.strap] for spec in many])
    assert colours.min() > 0
    assert colours.max() < 0.9


def test_wrong_wear_is_a_factor():
    names = [str(number) for number in range(1000)]

    def wearing_styles(strength):
        config = SpecConfig(("surgical", "gaiter"), wrongly_worn=strength)
        return [specs[0].wearing_style for specs in draw_all(6, names, config)]

    assert set(wearing_styles(0.0)) == {"correct"}
    assert "correct" not in wearing_styles(4.0)
    assert wearing_styles(2.0).count("correct") == pytest.approx(500, abs=60)


def test_only_the_kinds_asked_for_are_drawn():
    rng, config = np.random.default_rng(7), SpecConfig(kinds=("cloth", "gaiter"))
    assert {draw_specs(rng, config)[0].kind for _ in range(100)} == {"cloth", "gaiter"}


def test_what_no_mask_can_be_is_refused(many):
    with pytest.raises(InvalidConfig, match="mask kinds bucket: expected some of surg"):
        SpecConfig(kinds=("cloth", "bucket"))
    with pytest.raises(InvalidConfig, match=r"\(none\)"):
        SpecConfig(kinds=())
    for strength in (-0.1, 4.1, float("nan")):
        with pytest.raises(InvalidConfig, match="wrongly-worn"):
            SpecConfig(wrongly_worn=strength)
    for wrong in (
        {"kind": "bucket"},
        {"wearing_style": "hat"},
        {"print_name": "stars"},
    ):
        with pytest.raises(InvalidConfig, match="unknown '"):
            replace(many[0], **wrong)


def test_a_fraction_of_faces_wears_something_else_besides():
    names = [str(number) for number in range(1000)]
    both = draw_all(3, names, SpecConfig(occluded=0.3))
    others = Counter(specs[1].kind for specs in both if len(specs) == 2)
    assert sum(others.values()) == pytest.approx(300, abs=45)
    assert set(others) == set(OCCLUDERS)
    assert all(specs[0].kind in MASKS for specs in both)
    with pytest.raises(InvalidConfig, match="occluded must be in"):
        SpecConfig(occluded=1.1)


def test_specs_of_older_records_have_no_place_and_no_texture(many):
    record = many[0].to_json()
    for name in ("shift_x", "shift_y", "texture", "texture_sha256"):
        del record[name]
    assert spec_from_json(record) == many[0]


@pytest.mark.parametrize("occluded", [0.0, 0.5])
def test_what_is_drawn_together_is_what_is_drawn_alone(occluded):
    names, config = (
        [f"Ann/{number}.jpg" for number in range(60)],
        SpecConfig((*MASKS, "shield"), wrongly_worn=2.0, occluded=occluded),
    )
    together = draw_all(3, names, config)
    assert [draw_all(3, [name], config)[0] for name in names] == together
    assert draw_all(3, names[::-1], config) == together[::-1]
    assert len(set(together)) == 60
    assert set(draw_all(4, names, config)).isdisjoint(together)
    # What a face wears besides does not change its mask.
    masks = [specs[0] for specs in draw_all(3, names, replace(config, occluded=0.0))]
    assert [specs[0] for specs in together] == masks


def test_an_occluder_that_is_none_is_refused():
    with pytest.raises(InvalidConfig, match="unknown 'surgical', expected one of sun"):
        draw_occluder(np.random.default_rng(0), "surgical")
