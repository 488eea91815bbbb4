"""Impostors set the thresholds of a gallery, from chips and from photographs."""

import unicodedata
from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest

from index.calibration import stage as calibrate_stage
from index.calibration.fit import HeldOutFaces, TooFewImpostors
from index.calibration.stage import calibrate_on_chips, calibrate_on_photos
from index.datasets.views import read_labelled_photos
from index.engines.neighbours import MASKED, UNMASKED
from index.enrollment import stage as enroll_stage
from index.enrollment.after_training import enroll_manifest
from index.enrollment.faces import NamedFace
from index.enrollment.stage import enroll_faces
from index.gallery.gallery import open_or_create_gallery
from masking.errors import BadRecord, EmbedderMismatch, InvalidConfig
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import AlignedFace
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.faces_for_index import ColourEmbedder, SquareFinder, draw_photo
from tests.fakes.manifests import (
    PEOPLE,
    STRANGERS,
    ZOE,
    impostors_of,
    manifest_of,
    name_of,
    unmasked,
)
from training.data.chip_dataset import embed_rows


@pytest.fixture(scope="module")
def enrolled(manifest, tmp_path_factory):
    """The gallery with everybody of the manifest."""
    folder = tmp_path_factory.mktemp("enrolled") / "gallery"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(enroll_stage, "mask_states", unmasked)
        with open_or_create_gallery(folder, ColourEmbedder()) as opened:
            enroll_manifest(opened, manifest, ColourEmbedder())
    return folder


@pytest.fixture(scope="module", autouse=True)
def embedded_once():
    """Masks go on the chips for the first test that asks, and not for each."""
    known, embed = {}, embed_rows

    def once(manifest, rows, embedder, workers, **how):
        chips = tuple(manifest.folder / row.chip for row in rows)
        key = (chips, type(embedder), tuple(how.items()))
        if key not in known:
            known[key] = embed(manifest, rows, embedder, workers, **how)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate_stage, "embed_rows", once)
        yield


@pytest.fixture
def gallery(enrolled, tmp_path, monkeypatch):
    """A copy of `enrolled`: rendering a mask on every face takes a second."""
    monkeypatch.setattr(enroll_stage, "mask_states", unmasked)
    copytree(enrolled, tmp_path / "gallery")
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        yield opened


@pytest.fixture
def fitted(monkeypatch):
    """What was fitted instead of the fit, which has its own test."""
    calls = []

    def fit(faces, others, source, reference):
        calls.append((faces, others, source))
        return flat_calibration(0.25)

    monkeypatch.setattr(calibrate_stage, "fit_calibration", fit)
    return calls


def chips(gallery, manifest, rows, embedder=None, masks=1):
    return calibrate_on_chips(
        gallery, manifest, rows, embedder or ColourEmbedder(), masks, workers=0
    )


def test_own_templates_of_the_impostors_are_left_out(gallery, manifest, fitted):
    measured = chips(gallery, manifest, impostors_of(manifest), masks=2)
    ((faces, others, source),) = fitted
    for templates in (others.unmasked, others.masked_references):
        assert templates.matrix.shape == (PEOPLE - STRANGERS, 3)
        assert (templates.photos == 1).all()
    # The others are reddish: (250, number, 0).
    assert others.unmasked.matrix[:, 0].min() > 0.9
    assert (
        len(faces.unmasked.people)
        == len(faces.masked_references.people)
        == 2 * STRANGERS
    )
    assert len(faces.masked.people) == 2 * 2 * STRANGERS
    assert "25 validation people, unmasked and with 2 synthetic masks" in source
    assert "25 templates of others" in source
    assert measured == flat_calibration(0.25)
    assert gallery.calibration_json == measured.to_json()


def test_impostors_are_seen_unmasked_and_with_two_masks(gallery, manifest, fitted):
    chips(gallery, manifest, impostors_of(manifest), masks=2)
    faces: HeldOutFaces = fitted[0][0]
    np.testing.assert_allclose(faces.unmasked.embeddings[:, 2], 250 / 255, atol=0.01)
    first, second = faces.masked.embeddings.reshape(2, -1, 3)
    assert np.abs(first - faces.unmasked.embeddings).max(axis=1).min() > 0.02
    assert (np.abs(first - second).max(axis=1) > 0.01).mean() > 0.9
    np.testing.assert_array_equal(
        faces.masked.photos[: 2 * STRANGERS], faces.unmasked.photos
    )
    np.testing.assert_array_equal(
        faces.masked.people[: 2 * STRANGERS], faces.unmasked.people
    )
    pairs = np.bincount(faces.unmasked.people)
    assert (pairs == 2).all()


def test_templates_for_masked_faces_are_those_of_the_gallery(gallery, manifest, fitted):
    chip = np.full((32, 32, 3), (250, 0, 0), np.uint8)
    enroll_faces(
        gallery,
        ColourEmbedder(),
        [
            NamedFace("Person 00", AlignedFace("more", "more", crops=(chip,)), True),
            NamedFace(
                "Person 02",
                AlignedFace("new", "new", crops=(chip,)),
                False,
            ),
        ],
    )
    chips(gallery, manifest, impostors_of(manifest))
    others = fitted[0][1]
    strange = [p.person_id for p in gallery.people() if p.name.startswith(ZOE)]
    for templates, kind in (
        (others.unmasked, UNMASKED),
        (others.masked_references, MASKED),
    ):
        whole = gallery.templates(kind)
        kept = ~np.isin(whole.person_ids, strange)
        np.testing.assert_array_equal(templates.matrix, whole.matrix[kept])
    assert others.unmasked.photos[:3].tolist() == [1, 2, 1]
    # Person 00 has a masked photo besides the reference, Person 02 two references.
    assert others.masked_references.photos[:3].tolist() == [2, 2, 1]


def test_impostors_get_references_as_enrolled_people_do(gallery, manifest, fitted):
    rows = impostors_of(manifest)
    chips(gallery, manifest, rows)
    faces, names = fitted[0][0], np.unique([row.identity for row in rows])
    np.testing.assert_array_equal(faces.masked_references.people, faces.unmasked.people)
    np.testing.assert_array_equal(faces.masked_references.photos, faces.unmasked.photos)
    # The impostors are enrolled themselves: their templates are these very faces.
    numbers = {person.name: person.person_id for person in gallery.people()}
    for place, name in enumerate(names):
        for masked, part in ((False, faces.unmasked), (True, faces.masked_references)):
            mean = part.embeddings[part.people == place].mean(axis=0)
            template = gallery.person_template(numbers[name], masked)
            np.testing.assert_allclose(mean, template, atol=1e-6)


def test_gallery_without_references_can_be_calibrated(gallery, manifest, fitted):
    with gallery.store.changes():
        gallery.store.execute("DELETE FROM masked_references")
    chips(gallery, manifest, impostors_of(manifest))
    others = fitted[0][1]
    assert len(others.unmasked.photos) == PEOPLE - STRANGERS
    assert others.masked_references.matrix.shape == (0, 3)


def test_impostors_are_known_under_other_names_and_spellings(gallery, manifest, fitted):
    gallery.rename(name_of(1), "Somebody")
    rows = [
        row
        if row.identity == name_of(1)
        # Other photos, and the name as macOS writes it.
        else replace(
            row, identity=unicodedata.normalize("NFD", row.identity), sha256=""
        )
        for row in impostors_of(manifest)
    ]
    assert len({row.identity for row in rows} & {name_of(i) for i in range(9)}) == 1
    chips(gallery, manifest, rows)
    others = fitted[0][1]
    assert len(others.unmasked.photos) == PEOPLE - STRANGERS
    assert len(others.masked_references.photos) == PEOPLE - STRANGERS


def test_many_photos_and_people_are_cut(gallery, manifest, fitted, monkeypatch):
    monkeypatch.setattr(calibrate_stage, "_MOST_PHOTOS", 1)
    monkeypatch.setattr(calibrate_stage, "_MOST_PEOPLE", 7)
    chips(gallery, manifest, impostors_of(manifest))
    faces = fitted[0][0]
    assert len(faces.unmasked.people) == len(np.unique(faces.unmasked.people)) == 7


def test_too_few_impostors_leave_the_calibration_as_it_is(gallery, manifest):
    gallery.set_calibration(flat_calibration(0.4).to_json())
    for rows in ([], impostors_of(manifest)[:20]):
        with pytest.raises(TooFewImpostors):
            chips(gallery, manifest, rows)
    assert gallery.calibration_json == flat_calibration(0.4).to_json()


def test_impostors_of_another_embedder_are_refused(gallery, manifest):
    rows = impostors_of(manifest)
    with pytest.raises(EmbedderMismatch):
        chips(gallery, manifest, rows, ColourEmbedder("d" * 64))


def test_impostor_whose_embedding_is_not_finite_is_named(gallery, manifest):
    class Broken(ColourEmbedder):
        def embed(self, chips):
            return super().embed(chips) * np.nan

    with pytest.raises(BadRecord, match=r"Zoë 01/1.jpg: its embedding is not finite"):
        chips(gallery, manifest, impostors_of(manifest), Broken())
    assert gallery.calibration_json == ""


def test_chips_that_are_aligned_in_another_way_are_refused(gallery, manifest):
    inner = ChipGeometry(size_px=32, padding=0.0, points="inner")
    other = manifest_of(manifest.folder, manifest.faces(), inner)
    with pytest.raises(InvalidConfig, match="aligned by the inner points"):
        chips(gallery, other, impostors_of(manifest))


def photos_of(tmp_path, masks=None):
    rows = ["person,file,mask"]
    for person in range(20):
        for copy in range(2):
            mask = masks[copy] if masks else "no-mask"
            name = f"P{person}/{copy}.png"
            (tmp_path / "impostors" / f"P{person}").mkdir(parents=True, exist_ok=True)
            draw_photo(tmp_path / "impostors" / name, (10 * person, 250, 90 * copy))
            rows.append(f"P{person},{name},{mask}")
    if masks:
        (tmp_path / "impostors" / "labels.csv").write_text("\n".join(rows))
    return read_labelled_photos(tmp_path / "impostors")


def photos(gallery, folder, listed):
    calibration, unread = calibrate_on_photos(
        gallery, listed, ColourEmbedder(), 2, 1, folder / "found", SquareFinder
    )
    assert unread == []
    return calibration


def test_impostors_who_cannot_be_read_are_named(tmp_path, gallery, manifest, fitted):
    listed = photos_of(tmp_path, masks=("no-mask", "cloth"))
    lost = listed[3].path
    lost.write_bytes(b"")
    _, unread = calibrate_on_photos(
        gallery, listed, ColourEmbedder(), 2, 1, tmp_path / "found", SquareFinder
    )
    assert unread == [f"{lost}: the file is empty. Expected a photograph."]


def test_photographs_of_really_masked_impostors(tmp_path, gallery, manifest, fitted):
    listed = photos_of(tmp_path, masks=("no-mask", "cloth"))
    measured = photos(gallery, tmp_path, listed)
    assert gallery.calibration_json == measured.to_json()
    ((faces, others, source),) = fitted
    assert len(others.unmasked.photos) == len(others.masked_references.photos) == PEOPLE
    np.testing.assert_allclose(faces.unmasked.embeddings[:, 2], 0, atol=0.02)
    # Unmasked faces get references, masked ones are their own.
    np.testing.assert_array_equal(faces.masked_references.photos, faces.unmasked.photos)
    assert (faces.masked_references.embeddings[:, 2] > 0.1).all()
    np.testing.assert_allclose(faces.masked.embeddings[:, 2], 90 / 255, atol=0.01)
    assert "20 impostors, unmasked and with their masks" in source
    assert ZOE not in source


def test_a_impostor_who_is_enrolled_is_no_template(tmp_path, gallery, manifest, fitted):
    gallery.rename("Person 00", "P3")
    photos(gallery, tmp_path, photos_of(tmp_path, masks=("no-mask", "cloth")))
    others = fitted[0][1]
    assert (
        len(others.unmasked.photos)
        == len(others.masked_references.photos)
        == PEOPLE - 1
    )
