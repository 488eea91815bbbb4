import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.masks.masking_quality import main
from benchmarks.masks.quality_classifier import BELOW, Told, telling
from benchmarks.masks.quality_figures import measure
from benchmarks.masks.quality_measures import (
    CHIN,
    JAW_SIDES,
    bright_rim,
    covered,
    ear_corners,
    light,
    strap_gaps,
    style_is_true,
    tilt_deg,
)
from benchmarks.masks.quality_photos import (
    MaskedPair,
    changed_area,
    face_width_px,
    originals_by_name,
    peer_pairs,
    rendered_pairs,
)
from benchmarks.masks.quality_real import (
    FaceReaders,
    FoundFace,
    beside_real,
    labelled,
    masked_people,
    pair_distances,
    render_like_real,
    render_over_real,
)
from benchmarks.masks.quality_sharpness import edge_widths, sharpness_ratio
from benchmarks.shared.stock_finder import StockFinder
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_people
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import Face
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import PARTS, MaskedSample
from tests.fakes.drawn_faces import SKIN, OneDrawnFace, drawn_face
from tests.fakes.galleries import FakeEmbedder

SIDE = 240
FABRIC, STRAP = PARTS.index("fabric"), PARTS.index("strap")


def photo_px(x, y):
    """Where a point of the canonical face lies on the drawn face, px."""
    return np.array([x, y]) * SIDE / 2 + [SIDE / 4, SIDE / 4 - 0.05 * SIDE] - 0.5


def polygon(*corners, turn_deg=0.0):
    """(H, W) bool: a polygon given on the canonical face, turned about its middle."""
    points = np.array([photo_px(x, y) for x, y in corners])
    middle, angle = points.mean(axis=0), np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (points - middle) @ turn.T + middle
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], 1)
    return canvas.astype(bool)


def block(top=0.4, bottom=1.3, left=-0.1, right=1.1, turn_deg=0.0):
    corners = (left, top), (right, top), (right, bottom), (left, bottom)
    return polygon(*corners, turn_deg=turn_deg)


def pair_of(masked, sample=None, unmasked=None):
    drawn, marks = drawn_face(SIDE)
    unmasked = drawn if unmasked is None else unmasked
    area = changed_area(unmasked, masked, face_width_px(marks))
    return MaskedPair("drawn", unmasked, masked, marks, area, sample)


def flat(area, colour=(120, 150, 190)):
    masked = drawn_face(SIDE)[0].copy()
    masked[area] = colour
    return masked


def worn(area, wearing_style, straps=None, kind="surgical"):
    """A pair of which the engine says that `area` is fabric, worn in that style."""
    spec = draw_specs(sample_rng(0, "x"), SpecConfig(kinds=(kind,)))[0]
    parts = np.where(area, FABRIC, 0).astype(np.uint8)
    if straps is not None:
        parts[straps & ~area] = STRAP
    masked, alpha = flat(parts > 0), (parts > 0).astype(np.float32)
    sample = MaskedSample(
        masked, alpha, parts, (replace(spec, wearing_style=wearing_style),)
    )
    return pair_of(masked, sample)


def blended(mode):
    """A mask with a soft rim, blended so; 3 px from no mask to all mask."""
    unmasked, _ = drawn_face(SIDE)
    soft = cv2.GaussianBlur(block().astype(np.float32), (0, 0), 1.5)[..., None]
    colour = np.array((150, 160, 170), np.float32)
    if mode == "convex":
        mixed = unmasked * (1 - soft) + colour * soft
    elif mode == "halo":  # both layers in full wherever the mask begins
        mixed = unmasked * (soft < 0.95) + colour * (soft > 0.05)
    else:  # the light that a mask takes from the skin beside it
        dark = cv2.GaussianBlur(block().astype(np.float32), (0, 0), 5)[..., None]
        mixed = (unmasked * (1 - 0.4 * dark)) * (1 - soft) + colour * soft
    return pair_of(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("mode", ["convex", "shadow"])
def test_a_convex_blend_and_a_shadow_have_no_bright_rim(mode):
    bright, rim = bright_rim(blended(mode))
    assert rim > 500
    assert bright == 0


def test_a_halo_is_seen():
    bright, rim = bright_rim(blended("halo"))
    # Both layers lie on 5 of the rim's 6 px.
    assert bright / rim > 0.7


def test_the_area_is_found_from_two_pictures_and_straps_fall_off():
    mask, strap = block(), polygon((1.05, 0.5), (1.05, 0.52), (1.3, 0.2), (1.3, 0.18))
    area = pair_of(flat(mask | strap)).area
    assert (strap & ~mask).sum() > 50
    assert (area & mask).sum() / (area | mask).sum() > 0.97


def test_no_change_is_no_mask():
    assert not pair_of(drawn_face(SIDE)[0]).area.any()


def test_landmarks_behind_the_mask_are_counted():
    # Down to y = 1.1: above the chin (1.199, 1.224), below two jaw points a side
    # (.867, 1.0) and the third (1.112) is out.
    pair = pair_of(flat(block(bottom=1.1)))
    assert covered(pair, CHIN) == [False, False, False]
    assert covered(pair, JAW_SIDES) == [True, True, False, False, True, True]


def test_landmarks_outside_of_the_picture_are_not_counted():
    pair = pair_of(flat(block()))
    moved = pair.landmarks.points.copy()
    moved[8] = (SIDE / 2, SIDE + 5)
    assert covered(replace(pair, landmarks=Landmarks(moved)), CHIN) == [True, True]


WORN = {
    "correct": block(),
    "nose_out": block(top=0.66),
    "nose_and_mouth_out": block(top=1.0),
    "chin_out": block(bottom=1.05),
    "crooked": block(top=0.35, turn_deg=9),
}


@pytest.mark.parametrize("shown", WORN)
def test_a_wear_label_is_true_of_its_own_pixels_alone(shown):
    true = [
        wearing_style
        for wearing_style in WORN
        if style_is_true(worn(WORN[shown], wearing_style))
    ]
    assert true == [shown]


@pytest.mark.parametrize("turn", [-12, -4, 0, 8])
def test_the_turn_of_a_mask_is_measured(turn):
    pair = worn(block(turn_deg=turn), "correct")
    assert tilt_deg(pair) == pytest.approx(turn, abs=1)


def shaded(left, right):
    """A mask whose light goes evenly from `left` to `right`; the skin's falls."""
    ramp = np.linspace(left, right, SIDE)[None, :, None]
    picture = np.broadcast_to(
        np.array((150, 160, 170), np.float64) * ramp, (SIDE, SIDE, 3)
    )
    masked = drawn_face(SIDE)[0].copy()
    masked[block()] = np.rint(picture).astype(np.uint8)[block()]
    return light(pair_of(masked))


def test_light_that_follows_the_skin_correlates():
    likeness, skin, fabric = shaded(1.2, 0.8)
    assert likeness > 0.95
    assert skin > 0.05 and fabric > 0.05


def test_light_from_the_wrong_side_correlates_negatively():
    likeness, skin, fabric = shaded(0.8, 1.2)
    assert likeness < -0.95
    assert skin > 0.05 and fabric < -0.05


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_the_width_of_a_blurred_step_is_measured(sigma):
    step = np.zeros((60, 60), np.float32)
    step[:, 30:] = 200
    soft = cv2.GaussianBlur(step, (0, 0), sigma).astype(np.float32)
    points = np.array([[29.5, 30.0]], np.float32)
    widths = edge_widths(soft, points, np.array([[1.0, 0.0]], np.float32))
    assert widths == pytest.approx([sigma], rel=0.12)


def test_weak_edges_have_no_width():
    step = np.zeros((60, 60), np.float32)
    step[:, 30:] = 20
    points = np.array([[29.5, 30.0]], np.float32)
    assert len(edge_widths(step, points, np.array([[1.0, 0.0]], np.float32))) == 0


@pytest.mark.parametrize(("face", "mask"), [(2.5, 1.0), (1.5, 1.5), (1.2, 2.4)])
def test_sharpness_is_that_of_the_mask_over_that_of_the_face(face, mask):
    unmasked = cv2.GaussianBlur(drawn_face(SIDE)[0], (0, 0), face)
    soft = cv2.GaussianBlur(block().astype(np.float32), (0, 0), mask)[..., None]
    mixed = np.rint(unmasked * (1 - soft) + np.array((20, 25, 40), np.float32) * soft)
    ratio = sharpness_ratio(pair_of(mixed.astype(np.uint8), unmasked=unmasked))
    assert ratio == pytest.approx(face / mask, rel=0.25)


def test_ears_of_a_face_from_the_front_lie_evenly_beside_it():
    right, left = ear_corners(drawn_face(SIDE)[1])
    middle = photo_px(0.5, 0)[0]
    np.testing.assert_allclose(middle - right[:, 0], left[:, 0] - middle, atol=1.5)
    np.testing.assert_allclose(right[:, 1], left[:, 1], atol=1.5)
    # .60 of a face square beside the middle, seen about one square further away
    # than the face, from 14 squares.
    assert (left[0, 0] - middle) / (SIDE / 2) == pytest.approx(0.60 * 14 / 15, abs=0.02)


def test_the_near_ear_of_a_turned_head_moves_away_from_the_face():
    points = CANONICAL_FACE.copy() - [0.5, 0.6]
    depth = {30: 0.05, 8: -0.20}
    turned = points.copy()
    deep = np.full(68, -0.2)
    deep[[36, 45, 48, 54]] = -0.23
    deep[[27, 28, 29, 31, 33, 35]] = [-0.14, -0.08, -0.02, -0.12, -0.06, -0.12]
    for index, value in depth.items():
        deep[index] = value
    angle = np.deg2rad(30)
    turned[:, 0] = points[:, 0] * np.cos(angle) + deep * np.sin(angle)
    right, left = ear_corners(Landmarks(turned * 100 + 150))
    # x' = x cos 30 + depth sin 30, to the rim's (+-.67, -1.05).
    assert (right[1, 0] - 150) / 100 == pytest.approx(-1.105, abs=0.12)
    assert (left[1, 0] - 150) / 100 == pytest.approx(0.055, abs=0.12)


def with_strap(end_x):
    # From the mask's edge at the height of the ear's middle to `end_x`.
    strap = polygon((0.8, 0.47), (end_x, 0.47), (end_x, 0.49), (0.8, 0.49))
    mirrored = strap[:, ::-1]
    return worn(block(left=0.1, right=0.9, top=0.45), "correct", strap | mirrored)


def test_a_strap_that_ends_on_the_ear_has_no_gap():
    gaps = strap_gaps(with_strap(1.07))
    assert len(gaps) == 2
    assert max(gaps) == 0


def test_a_strap_that_ends_before_the_ear_is_measured():
    (gap, _), (more, _) = strap_gaps(with_strap(1.02)), strap_gaps(with_strap(0.95))
    width = face_width_px(drawn_face(SIDE)[1])
    assert gap > 0
    assert more - gap == pytest.approx(0.07 * SIDE / 2 / width, abs=0.01)


def test_bands_round_the_head_end_at_no_ear():
    assert strap_gaps(worn(block(), "correct", kind="ffp2")) == []


def test_pictures_are_matched_with_originals_by_name(tmp_path):
    for name in (
        "unmasked/ann/1",
        "unmasked/bob/1",
        "unmasked/bob/2",
        "unmasked/bob_2/5",
    ):
        write_image(tmp_path / f"{name}.jpg", drawn_face(16)[0])
    for name in ("ann/1_kn95_white", "bob/1", "2_cloth", "1", "bob_2/5_x", "bob/9_a"):
        write_image(tmp_path / "worn" / f"{name}.png", drawn_face(16)[0])
    pairs = originals_by_name(tmp_path / "worn", tmp_path / "unmasked")
    # "1" alone is ambiguous; "9" has no original.
    assert {
        worn.relative_to(tmp_path / "worn").as_posix(): unmasked.relative_to(
            tmp_path / "unmasked"
        ).as_posix()
        for worn, unmasked in pairs
    } == {
        "ann/1_kn95_white.png": "ann/1.jpg",
        "bob/1.png": "bob/1.jpg",
        "2_cloth.png": "bob/2.jpg",
        "bob_2/5_x.png": "bob_2/5.jpg",
    }


def chips(rng, colour, count):
    noise = rng.normal(0, 12, (count, 96, 96, 3))
    return list(np.clip(noise + colour, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("told", [True, False])
def test_a_classifier_tells_what_can_be_told(told):
    rng = np.random.default_rng(0)
    both = chips(rng, SKIN, 30) + chips(rng, (90, 120, 160) if told else SKIN, 30)
    people = [str(index % 10) for index in range(60)]
    rendered = [index >= 30 for index in range(60)]
    # Four rendered faces in cloth are too few for a figure of their own.
    kinds = ["kn95"] * 30 + ["cloth"] * 4 + ["kn95"] * 26
    kinds[0] = ""
    found = telling(both, rendered, people, kinds, BELOW, seed=0)
    assert list(found.by_kind) == ["kn95"]
    for auc, low, high in (found.auc, found.by_kind["kn95"]):
        assert low <= auc <= high
        assert (auc > 0.99) if told else (low < 0.5 < high)


def test_distances_are_of_one_person_and_two_photos():
    chip = np.zeros((96, 96, 3), np.uint8)

    def face(person, photo, *row):
        return FoundFace(person, photo, "cloth", np.array(row, np.float32), chip)

    unmasked = [face("a", "1", 0, 0), face("a", "2", 0, 4), face("b", "3", 9, 9)]
    masked = [face("a", "1", 3, 0), face("b", "3", 9, 8)]
    # Photo 1 masked to photo 2 unmasked: 3-4-5. Everything else is the same photo.
    assert pair_distances(masked, unmasked) == {"a": [5.0]}


class WholeFinder(OneDrawnFace):
    """Says where the drawn face is."""

    def find(self, image: Image) -> list[Face]:
        return [Face(None, drawn_face(SIDE)[1])]


def test_our_masks_are_measured_without_a_detector(tmp_path):
    for name in "abcdef":
        write_image(tmp_path / f"{name}.png", drawn_face(SIDE)[0])
    finder, photos = WholeFinder(), list_images(tmp_path)
    config = SpecConfig(kinds=("surgical", "cloth"), wrongly_worn=0.0)
    once, again = (
        measure(rendered_pairs(photos, finder, config, seed=3), finder) for _ in "ab"
    )
    assert once == again
    assert once.faces == 6
    assert once.untouched == 0
    assert once.chin == once.jaw == once.style_true == once.hog_again == 1
    assert once.bright_rim < 0.01


class BrightnessEmbedder(FakeEmbedder):
    """One number a chip: its mean brightness."""

    geometry = ChipGeometry()

    def embed(self, chips: Image) -> Float32:
        return np.asarray(chips.mean(axis=(1, 2, 3), dtype=np.float32)[:, None])


def labelled_folder(folder, masks):
    """Two unmasked photos and one masked one of each of four people."""
    rows = ["person,file,mask"]
    for person in "abcd":
        for number, mask in enumerate(["no-mask", "no-mask", masks]):
            picture = drawn_face(SIDE)[0]
            if mask != "no-mask":
                picture[block()] = 255
            write_image(folder / person / f"{number}.png", picture)
            rows.append(f"{person},{person}/{number}.png,{mask}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


def test_rendered_masks_are_compared_with_real_ones(tmp_path):
    photos = labelled(labelled_folder(tmp_path, "surgical_blue"))
    rendered = render_like_real(photos, WholeFinder(), variants=2, seed=0)
    assert [photo.name for photo, _ in rendered[:4]] == ["a/0.png"] * 2 + [
        "a/1.png"
    ] * 2
    readers = FaceReaders(WholeFinder(), WholeFinder(), BrightnessEmbedder())
    over = render_over_real(photos, readers.finder, seed=0)
    assert [photo.name for photo, _ in over] == [p.name for p in photos if p.masked]
    for name in "uvwxyz":
        write_image(tmp_path / "more" / f"{name}.png", drawn_face(SIDE)[0] // 2)
    others = {"more": masked_people(tmp_path / "more")}
    figures = beside_real(photos, rendered, over, others, readers, seed=0)
    assert (figures.real, figures.rendered, figures.people) == (4, 16, 4)
    assert set(figures.missed.values()) == {0}
    # Unmasked photos are all alike; a white block is brighter than what we render.
    assert figures.unmasked_distance == 0
    assert figures.real_distance > figures.rendered_distance > 0
    assert figures.harder[1] < 0
    # What is rendered covers the white block, and is as far away as on an unmasked
    # photo.
    assert figures.over_distance < figures.real_distance
    assert figures.over_harder[1] < 0
    # All upper halves are alike but for a shadow; white blocks are told at once.
    assert figures.auc[0] > 0.95
    # Four real faces are too few for a figure of their kind.
    assert figures.by_kind == {}
    # Those of the other folder are darker.
    assert figures.others["more"][0][0] > 0.95


def test_the_mean_auc_is_that_of_all_draws(tmp_path, monkeypatch):
    photos = labelled(labelled_folder(tmp_path, "surgical_blue"))
    readers = FaceReaders(WholeFinder(), WholeFinder(), BrightnessEmbedder())
    draws = [render_like_real(photos, WholeFinder(), 1, seed) for seed in range(3)]
    aucs = iter([0.9, 0.5, 0.7])

    def told(real, ours, seed):
        found = Told((next(aucs), 0.0, 1.0), {})
        return found, found

    monkeypatch.setattr("benchmarks.masks.quality_real._told", told)
    figures = beside_real(photos, draws[0], draws[0], {}, readers, 0, draws[1:])
    assert figures.auc[0] == 0.9 and figures.auc_of_draws == pytest.approx(0.7)


def test_masks_without_a_counterpart_are_refused(tmp_path):
    with pytest.raises(BadRecord, match="unknown mask 'welding'"):
        labelled(labelled_folder(tmp_path / "one", "welding"))
    with pytest.raises(MissingInput, match="0 of 12"):
        labelled(labelled_folder(tmp_path / "two", "no-mask"))


def test_a_peers_pictures_without_an_original_are_refused(tmp_path):
    write_image(tmp_path / "unmasked" / "one.png", drawn_face(SIDE)[0])
    write_image(tmp_path / "worn" / "two.png", drawn_face(SIDE)[0])
    with pytest.raises(MissingInput, match="no picture is named like"):
        list(peer_pairs(tmp_path / "worn", tmp_path / "unmasked", WholeFinder()))


def test_the_command_measures_a_peer_beside_our_masks(tmp_path):
    people = sorted(path.name for path in sample_people().iterdir())[:3]
    (tmp_path / "names.txt").write_text("\n".join(people))
    finder = StockFinder()
    for person in people:
        photo = list_images(sample_people() / person)[0]
        image = read_rgb(photo)
        marks = finder.find(image)[0].landmarks
        jaw = np.rint(np.vstack([marks.points[1:16], marks.points[28:29]]))
        cv2.fillPoly(image, [jaw.astype(np.int32)], (70, 140, 200))
        write_image(tmp_path / "peer" / person / f"{photo.stem}_flat.png", image)
    command = f"--photos {sample_people()} --names {tmp_path / 'names.txt'} --count 3 "
    command += f"--peer {tmp_path / 'peer'} --json"
    run = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    figures = json.loads(run.output)["faces"]
    assert figures["ours"]["faces"] == figures["peer"]["faces"] == 3
    assert figures["peer"]["style_true"] is None
    assert figures["peer"]["strap_gap"] is None
    assert figures["ours"]["bright_rim"] < 0.01
