"""Enrolling reports every photo and never stores a half-understood one."""

from pathlib import Path

import numpy as np
import pytest

from index.engines.neighbours import UNMASKED
from index.enrollment.faces import NamedFace, NamedPhoto, photos_of_folders
from index.enrollment.stage import EnrollChecks, enroll, enroll_faces, enroll_photos
from index.gallery.gallery import open_or_create_gallery
from index.gallery.people import stored_hashes
from index.identification.recogniser import decided_by
from masking.datasets.images import photo_list
from masking.errors import EmbedderMismatch, InvalidConfig, MissingInput, ToolkitError
from masking.faces import finder as face_finder
from masking.faces.finder import AlignedFace
from tests.fakes.faces_for_index import (
    BLUE,
    GREEN,
    RED,
    ColourEmbedder,
    SquareFinder,
    draw_photo,
)
from training.embedders.embedded_face import (
    embed_both,
    masked_references,
    network_input,
)


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        yield opened


def enrolled(gallery, name, photos, embedder=None, masked=None):
    embedder = embedder or ColourEmbedder()
    return enroll(name, photos, gallery, embedder, SquareFinder(), masked=masked)


def test_person_is_added_and_searchable(gallery, tmp_path):
    photo = draw_photo(tmp_path / "red.png", RED)
    report = enrolled(gallery, " Person_01 ", [photo])
    assert report.added == [str(photo)]
    assert not report.failures
    assert [person.name for person in gallery.people()] == ["Person_01"]
    wanted = np.array([RED], dtype=np.float32) / 255
    # The chip's last row and column mix with the grey around the square.
    np.testing.assert_allclose(gallery.templates().matrix, wanted, atol=0.03)


def test_same_photo_twice_is_known_and_not_embedded_again(gallery, tmp_path):
    photo = draw_photo(tmp_path / "red.png", RED)
    embedder = ColourEmbedder()
    first = enrolled(gallery, "Person_01", [photo, photo], embedder)
    again = enrolled(gallery, "Person_01", [photo], embedder)
    assert (len(first.added), len(first.known)) == (1, 1)
    assert (again.added, again.known) == ([], [str(photo)])
    assert embedder.embedded == 1


def test_a_repeated_photo_that_cannot_be_stored_is_not_known(gallery, tmp_path):
    nobody, red = draw_photo(tmp_path / "no.png"), draw_photo(tmp_path / "red.png", RED)
    enrolled(gallery, "Ada", [red])
    checks = checks_of(gallery)
    photos = [NamedPhoto(name, red) for name in ("Ben", "Ben", "Cid")]
    photos.append(NamedPhoto("Cid", draw_photo(tmp_path / "green.png", GREEN)))
    report = enroll_photos(
        photos, gallery, ColourEmbedder(), SquareFinder, 1, checks=checks
    )
    assert report.known == []
    assert report.added == [str(tmp_path / "green.png")]
    # Nobody's reason hides that of another.
    assert list(report.failures) == [
        str(red),
        f"{red} (as Cid)",
        f"{red} (as Ben)",
    ]
    with pytest.raises(ToolkitError, match="no face"):
        enrolled(gallery, "Dan", [nobody, nobody])


def test_one_photo_of_two_names_in_a_run_is_stored_once(gallery, tmp_path):
    red = draw_photo(tmp_path / "red.png", RED)
    copy = draw_photo(tmp_path / "copy.png", RED)
    photos = [NamedPhoto("Ada", red), NamedPhoto("Ben", copy)]
    report = enroll_photos(
        photos, gallery, ColourEmbedder(), SquareFinder, 1, checks=checks_of(gallery)
    )
    assert report.added == [str(red)]
    (reason,) = report.failures.values()
    assert "copy.png: this very photograph is enrolled as Ada." in reason


def test_people_enrolled_along_who_look_alike_are_told(gallery, tmp_path):
    red = draw_photo(tmp_path / "red.png", RED)
    like = draw_photo(tmp_path / "like.png", (249, 6, 5))
    green = draw_photo(tmp_path / "green.png", GREEN)
    named = {"Ada": red, "Ben": like, "Cid": green}
    photos = [NamedPhoto(name, path) for name, path in named.items()]
    report = enroll_photos(
        photos, gallery, ColourEmbedder(), SquareFinder, 1, checks=checks_of(gallery)
    )
    assert len(report.added) == 3
    told = [doubt for doubt in report.doubts if "two names" in doubt]
    assert told == [
        f"{red}: Ada looks like Ben, who was enrolled along: is it one person under "
        "two names?"
    ]


def checks_of(gallery):
    return EnrollChecks(decided_by(gallery, ColourEmbedder()))


def test_unmasked_photo_gives_a_template_for_masked_faces_too(gallery, tmp_path):
    embedder = ColourEmbedder()
    photo = draw_photo(tmp_path / "red.png", RED)
    enrolled(gallery, "Person_01", [photo], embedder, masked=False)
    assert embedder.embedded == 2
    plain, masked = gallery.templates().matrix
    np.testing.assert_allclose(plain, np.array(RED) / 255, atol=0.03)
    chips = np.empty((1, 3, 32, 32), np.uint8)
    chips[0] = np.array(RED)[:, None, None]
    under = masked_references(embedder, chips, plain[None])[0]
    np.testing.assert_allclose(masked, under, atol=0.03)
    # The mask is not red.
    assert np.abs(masked - plain).max() > 0.1


def test_masked_photo_gets_no_second_mask(gallery, tmp_path):
    embedder = ColourEmbedder()
    photo = draw_photo(tmp_path / "red.png", RED)
    enrolled(gallery, "Person_01", [photo], embedder, masked=True)
    assert embedder.embedded == 1
    templates = gallery.templates()
    assert templates.masked.tolist() == [True]
    np.testing.assert_allclose(templates.matrix[0], np.array(RED) / 255, atol=0.03)
    assert gallery.store.read("SELECT COUNT(*) FROM masked_references") == [(0,)]


def test_of_unmasked_and_masked_chips_each_gets_what_it_needs(gallery):
    kinds = [False, True, True, False, True]
    rows = [
        row._replace(name=f"P{i}", masked=masked)
        for i, (row, masked) in enumerate(zip(named_faces(5), kinds, strict=True))
    ]
    embedder = ColourEmbedder()
    enroll_faces(gallery, embedder, rows)
    assert embedder.embedded == 5 + 2
    chips = network_input([row.face.crop for row in rows])
    embeddings, references = embed_both(ColourEmbedder(), chips, ~np.array(kinds))
    assert [vector is None for vector in references] == kinds
    for number, masked in enumerate(kinds):
        found = gallery.person_template(number + 1, True)
        wanted = embeddings[number] if masked else references[number]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    unmasked = ~np.array(kinds)
    np.testing.assert_array_equal(
        gallery.templates(UNMASKED).matrix, embeddings[unmasked]
    )


def test_folder_stands_for_its_photos(gallery, tmp_path):
    folder = tmp_path / "photos"
    for name, colour in (("a.png", RED), ("deeper/b.png", GREEN)):
        draw_photo(folder / name, colour)
    assert len(enrolled(gallery, "Person_01", [folder]).added) == 2


def test_bad_photos_are_reported_and_the_good_one_is_kept(gallery, tmp_path):
    good = draw_photo(tmp_path / "good.png", RED)
    empty = draw_photo(tmp_path / "nobody.png")
    two = draw_photo(tmp_path / "two.png", GREEN, BLUE)
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:-40])
    missing = tmp_path / "missing.png"
    report = enrolled(gallery, "Person_01", [empty, two, text, cut, missing, good])
    assert report.added == [str(good)]
    reasons = {Path(photo).name: reason for photo, reason in report.failures.items()}
    assert "no face" in reasons["nobody.png"]
    assert "2 faces" in reasons["two.png"]
    assert "not an image" in reasons["text.jpg"]
    assert "damaged" in reasons["cut.png"]
    wanted = f"{missing}: cannot be read (No such file or directory)."
    assert reasons["missing.png"] == wanted
    unread = [Path(photo).name for photo in report.unread]
    assert unread == ["text.jpg", "cut.png", "missing.png"]
    assert report.exit_code == 2


def test_a_photo_without_a_face_was_read(gallery, tmp_path):
    good = draw_photo(tmp_path / "good.png", RED)
    report = enrolled(gallery, "Ann", [good, draw_photo(tmp_path / "nobody.png")])
    assert (len(report.failures), report.unread, report.exit_code) == (1, [], 0)


def test_pictures_of_a_folder_that_are_nobodys_are_named(gallery, tmp_path):
    draw_photo(tmp_path / "people/Ann/1.png", RED)
    draw_photo(tmp_path / "people/loose.png", RED)
    (tmp_path / "people/Ann/2.heic").write_bytes(b"")
    chosen = photos_of_folders(tmp_path / "people")
    report = enroll_photos(chosen, gallery, ColourEmbedder(), SquareFinder, 1)
    assert len(report.added) == 1
    assert sorted(Path(photo).name for photo in report.unread) == [
        "2.heic",
        "loose.png",
    ]
    assert report.exit_code == 2


def test_nothing_enrolled_is_an_error_that_says_why(gallery, tmp_path):
    photos = [draw_photo(tmp_path / f"{number}.png") for number in range(3)]
    with pytest.raises(ToolkitError, match=r"no face found\. \(2 more photos failed"):
        enrolled(gallery, "Person_01", photos)
    assert gallery.people() == []


def test_name_that_is_a_path_is_refused(gallery, tmp_path):
    photo = draw_photo(tmp_path / "red.png", RED)
    with pytest.raises(InvalidConfig, match="the person's name first"):
        enrolled(gallery, str(photo), [photo])


def test_empty_folder_and_no_photo(gallery, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(MissingInput, match="holds no image"):
        enrolled(gallery, "Person_01", [tmp_path / "none"])
    with pytest.raises(MissingInput, match="no photograph was given"):
        photo_list([])


def test_gallery_of_another_embedder_is_refused(gallery, tmp_path):
    photo = draw_photo(tmp_path / "red.png", RED)
    with pytest.raises(EmbedderMismatch):
        enrolled(gallery, "Person_01", [photo], ColourEmbedder("d" * 64))


def test_embedding_that_is_not_finite_is_reported(gallery, tmp_path):
    class Broken(ColourEmbedder):
        def embed(self, chips):
            embeddings = super().embed(chips)
            embeddings[0] = np.nan
            return embeddings

    photos = [draw_photo(tmp_path / f"{c[0]}.png", c) for c in (RED, GREEN)]
    report = enrolled(gallery, "Person_01", photos, Broken())
    assert report.added == [str(photos[1])]
    assert "not finite" in report.failures[str(photos[0])]


def test_reference_whose_embedding_is_not_finite_is_reported(gallery, tmp_path):
    class Broken(ColourEmbedder):
        def embed(self, chips):
            embeddings = super().embed(chips)
            # Unmasked faces come first, the same under a mask second.
            if self.embedded > 2:
                embeddings[0] = np.nan
            return embeddings

    photos = [draw_photo(tmp_path / f"{c[0]}.png", c) for c in (RED, GREEN)]
    report = enrolled(gallery, "Person_01", photos, Broken(), masked=False)
    assert report.added == [str(photos[1])]
    assert "not finite" in report.failures[str(photos[0])]


def named_faces(count):
    for number in range(count):
        pixels = np.full((32, 32, 3), number % 256, dtype=np.uint8)
        face = AlignedFace(f"{number}", f"sha{number}", crops=(pixels,))
        yield NamedFace(f"Person_{number % 50:02d}", face, masked=False)


def test_thousands_of_faces_go_in_and_those_that_are_enrolled_are_left(
    gallery, monkeypatch
):
    # What is drawn has its own tests.
    drawing = "training.embedders.embedded_face.under_mask"
    monkeypatch.setattr(drawing, lambda chips, geometry: chips)
    embedder = ColourEmbedder()
    assert len(enroll_faces(gallery, embedder, named_faces(300)).added) == 300
    stored = {n: stored_hashes(gallery.store, f"Person_{n:02d}") for n in range(50)}
    faces = [
        face._replace(enrolled=face.face.sha256 in stored[number % 50])
        for number, face in enumerate(named_faces(320))
    ]
    report = enroll_faces(gallery, embedder, faces)
    assert (len(report.added), len(report.known)) == (20, 300)
    # Each as it is and under a mask.
    assert embedder.embedded == 2 * 320
    assert len(gallery.people()) == 50


def test_a_photo_is_read_and_hashed_once(gallery, tmp_path, monkeypatch):
    photos = [draw_photo(tmp_path / f"{c[0]}.png", c) for c in (RED, GREEN)]
    enrolled(gallery, "Person_01", photos[:1])
    read = []

    def reading(path, name=""):
        read.append(path)
        return path.read_bytes()

    monkeypatch.setattr(face_finder, "read_bytes", reading)
    report = enrolled(gallery, "Person_01", photos)
    assert (report.known, report.added) == ([str(photos[0])], [str(photos[1])])
    assert read == photos


def test_photos_that_are_at_hand_need_no_file(gallery, tmp_path):
    group = draw_photo(tmp_path / "sent.png", RED, BLUE).read_bytes()
    photos = [
        NamedPhoto("Navy", Path("group.png"), face=2, data=group),
        NamedPhoto("Navy", Path("phone.heic"), data=group),
    ]
    report = enroll_photos(photos, gallery, ColourEmbedder(), SquareFinder, 1)
    assert report.added == ["group.png"]
    assert report.failures["phone.heic"].startswith("phone.heic: .heic files are not")
    (chip,) = gallery.chips("Navy")
    assert chip[..., 2].mean() > 200 > 50 > chip[..., 0].mean()
