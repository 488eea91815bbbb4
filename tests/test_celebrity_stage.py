"""The people of an augmented folder go in, and masked strangers set the threshold."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from faces_for_index import ColourEmbedder

from index.calibration import Calibration, calibrate
from index.celebrity_stage import calibrate_on, enroll_celebrities
from index.gallery import open_or_create_gallery
from masking.alignment import ChipGeometry
from masking.errors import BadRecord, EmbedderMismatch, InvalidConfig
from masking.image_files import write_image
from masking.manifest import Manifest, ManifestRow
from training.chip_embeddings import embed_rows
from training.comparisons import euclidean

GEOMETRY = ColourEmbedder.geometry
LANDMARKS = GEOMETRY.targets().tolist()
# Every second person is a stranger with two bluish photos; the others are reddish.
PEOPLE, STRANGERS = 50, 25
ZOE = "Zoë"


def name_of(number):
    return f"{ZOE} {number:02d}" if number % 2 else f"Person/{number:02d}"


def row_of(folder, identity, number, colour):
    chip = f"chips/{number}.png"
    write_image(folder / chip, np.full((32, 32, 3), colour, dtype=np.uint8))
    return ManifestRow(
        photo_id=f"{identity}/{number}.jpg",
        identity=identity,
        sha256=f"sha{number}",
        chip=chip,
        chip_landmarks=LANDMARKS,
    )


def manifest_of(folder, rows, geometry=GEOMETRY):
    return Manifest(folder, {}, geometry, sorted(rows, key=lambda r: r.photo_id), "")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("augmented")
    rows = []
    for number in range(PEOPLE):
        colour = (0, number, 250) if number % 2 else (250, number, 0)
        for copy in range(1 + number % 2):
            rows.append(row_of(folder, name_of(number), 100 * copy + number, colour))
    lost = ManifestRow("lost.jpg", "Person/99", "shaX", failure="no face found")
    return manifest_of(folder, [*rows, lost])


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        yield opened


def strangers_of(manifest):
    return [row for row in manifest.faces() if row.identity.startswith(ZOE)]


def test_everybody_with_a_face_goes_in_once(gallery, manifest):
    embedder = ColourEmbedder()
    assert enroll_celebrities(gallery, manifest, embedder) == PEOPLE + STRANGERS
    assert enroll_celebrities(gallery, manifest, embedder) == 0
    assert embedder.embedded == PEOPLE + STRANGERS
    people = gallery.people()
    assert len(people) == PEOPLE
    assert people[0].name == "Person 00"
    (photo,) = gallery.photos("Person 00")
    assert (photo.source, photo.sha256) == ("Person/00/0.jpg", "sha0")
    wanted = np.array([250, 0, 0]) / 255
    np.testing.assert_allclose(gallery.templates().matrix[0], wanted, atol=0.01)


def test_chips_of_another_size_are_scaled(tmp_path, gallery):
    geometry = ChipGeometry(size_px=64, padding=0.0)
    row = row_of(tmp_path, "Person_01", 1, (9, 90, 200))
    large = manifest_of(tmp_path, [row], geometry)
    assert enroll_celebrities(gallery, large, ColourEmbedder()) == 1


def test_what_could_not_be_enrolled_or_looks_odd_is_logged(tmp_path, gallery, caplog):
    red, blue = (250, 0, 0), (0, 0, 250)
    rows = [row_of(tmp_path, "Person_01", i, red) for i in range(3)]
    rows.append(row_of(tmp_path, "Person_01", 3, blue))
    rows.append(row_of(tmp_path, "x" * 201, 4, red))
    assert enroll_celebrities(gallery, manifest_of(tmp_path, rows), ColourEmbedder())
    assert "1 photos could not be enrolled, the first: a name has 1 to" in caplog.text
    assert "least of all Person_01/3.jpg (distance 1.39)" in caplog.text
    assert gallery.people()[0].photo_count == 4


def expected(gallery, manifest, own=()):
    """Distances of the masked strangers to all templates but those named."""
    rows = strangers_of(manifest)
    masked = embed_rows(manifest, rows, ColourEmbedder(), 0, masked_share=1.0, seed=1)
    people = [p.person_id for p in gallery.people() if p.name not in own]
    templates = gallery.templates()
    chosen = np.isin(templates.person_ids, people)
    return euclidean(masked, templates.matrix[chosen])


def test_own_templates_of_the_strangers_are_left_out(gallery, manifest):
    enroll_celebrities(gallery, manifest, ColourEmbedder())
    rows = strangers_of(manifest)
    measured = calibrate_on(gallery, manifest, rows, ColourEmbedder(), 0)
    own = {row.identity for row in rows}
    distances = expected(gallery, manifest, own)
    source = "25 validation people with painted masks, 25 templates"
    assert measured == calibrate(distances, source)
    assert measured.pairs == 2 * STRANGERS * (PEOPLE - STRANGERS)
    assert gallery.calibration == measured
    # Left in, they would have been the nearest by far.
    assert expected(gallery, manifest).min() < 0.5 * distances.min()


def test_strangers_wear_masks(gallery, manifest):
    enroll_celebrities(gallery, manifest, ColourEmbedder())
    rows = strangers_of(manifest)
    measured = calibrate_on(gallery, manifest, rows, ColourEmbedder(), 0)
    # Bare, they are red and blue: (250, a, 0) and (0, b, 250).
    bare = np.sqrt(2) * 250 / 255
    assert 0.1 < measured.distance[0] < 0.9 * bare


def test_strangers_are_known_under_other_names_and_spellings(gallery, manifest):
    enroll_celebrities(gallery, manifest, ColourEmbedder())
    gallery.rename(name_of(1), "Somebody")
    rows = [
        row
        if row.identity == name_of(1)
        # Other photos, and the name as macOS writes it.
        else replace(
            row, identity=unicodedata.normalize("NFD", row.identity), sha256=""
        )
        for row in strangers_of(manifest)
    ]
    assert len({row.identity for row in rows} & {name_of(i) for i in range(9)}) == 1
    measured = calibrate_on(gallery, manifest, rows, ColourEmbedder(), 0)
    assert measured.pairs == 2 * STRANGERS * (PEOPLE - STRANGERS)


def test_too_few_strangers_leave_the_calibration_as_it_is(gallery, manifest):
    enroll_celebrities(gallery, manifest, ColourEmbedder())
    known = Calibration((0.001, 0.01), (0.5, 0.6), 5000, "drawn")
    gallery.set_calibration(known)
    for rows in ([], strangers_of(manifest)[:20]):
        assert calibrate_on(gallery, manifest, rows, ColourEmbedder(), 0) is None
    assert gallery.calibration == known


def test_strangers_of_another_embedder_are_refused(gallery, manifest):
    enroll_celebrities(gallery, manifest, ColourEmbedder())
    rows = strangers_of(manifest)
    with pytest.raises(EmbedderMismatch):
        calibrate_on(gallery, manifest, rows, ColourEmbedder("d" * 64), 0)


def test_stranger_whose_embedding_is_not_finite_is_named(gallery, manifest):
    class Broken(ColourEmbedder):
        def embed(self, chips):
            return super().embed(chips) * np.nan

    enroll_celebrities(gallery, manifest, ColourEmbedder())
    with pytest.raises(BadRecord, match=r"Zoë 01/1.jpg: its embedding is not finite"):
        calibrate_on(gallery, manifest, strangers_of(manifest), Broken(), 0)
    assert gallery.calibration is None


def test_chips_that_are_aligned_in_another_way_are_refused(gallery, manifest):
    inner = ChipGeometry(size_px=32, padding=0.0, points="inner")
    other = manifest_of(manifest.folder, manifest.faces(), inner)
    with pytest.raises(InvalidConfig, match="aligned by the inner points"):
        enroll_celebrities(gallery, other, ColourEmbedder())
    with pytest.raises(InvalidConfig, match="aligned by the inner points"):
        calibrate_on(gallery, other, strangers_of(manifest), ColourEmbedder(), 0)
    assert gallery.people() == []
