"""JSON over HTTP: the records of the commands, and mistakes in one sentence."""

import io
import json
import re
from zipfile import ZipFile

import cv2
import pytest

pytest.importorskip("fastapi", reason="the extra app is not installed")

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from index.app.api import Desk
from index.app.examples import Examples
from index.app.server import page_app
from index.gallery.workspace_traces import RECORDS
from index.identification.stage import Identifier
from masking.datasets.images import write_image
from masking.masks.spec import KINDS, OCCLUDERS
from tests.fakes.drawn_faces import drawn_face
from tests.fakes.faces_for_index import BLUE, GREEN, RED, ColourEmbedder, draw_photo
from tests.fakes.served_page import drawn_actions


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "other").mkdir()
    desk = Desk(drawn_actions(tmp_path), Examples(drawn_actions(tmp_path / "other")))
    yield desk
    desk.stop()


@pytest.fixture
def client(desk):
    return TestClient(page_app(desk))


@pytest.fixture
def send(client):
    """POST files under a field's name, with other fields; gives the answer."""

    def post(way, files, **fields):
        sent = [
            (field, (path.name, path.read_bytes()))
            for field, paths in files.items()
            for path in paths
        ]
        return client.post(way, files=sent, data=fields)

    return post


@pytest.fixture
def enrolled(send, tmp_path):
    """Red with two photos, Blue with one."""
    paths = [draw_photo(tmp_path / f"{n}.png", (250 - n, 5, 5)) for n in range(2)]
    send("/api/enroll", {"photos": paths}, name="Red").raise_for_status()
    blue = [draw_photo(tmp_path / "blue.png", BLUE)]
    return send("/api/enroll", {"photos": blue}, name="Blue")


def names(client):
    return [person["name"] for person in client.get("/api/people").json()]


def refused(answer, status, text):
    """Whether an answer is one sentence of words, and nothing beside it."""
    said = answer.json()
    assert answer.status_code == status, said
    assert set(said) == {"error"} and text in said["error"]
    assert "\n" not in said["error"] and "tmp" not in said["error"]


def test_enrolling_says_what_became_of_each_photo(send, client, tmp_path):
    assert client.get("/api/people").json() == []
    red, nobody = draw_photo(tmp_path / "r.png", RED), draw_photo(tmp_path / "n.png")
    answer = send("/api/enroll", {"photos": [red, red, nobody]}, name=" Zoë 李 ")
    record = answer.json()
    assert (record["name"], record["people"]) == ("Zoë 李", 1)
    # Two files of one name are told apart.
    assert record["added"] == ["r.png"] and record["known"] == ["r (2).png"]
    assert record["failures"] == {"n.png": "n.png: no face found."}
    ((person),) = client.get("/api/people").json()
    assert (person["name"], person["photo_count"]) == ("Zoë 李", 2 - 1)
    assert person["expired"] is False


def test_the_face_that_is_meant_is_stored(send, client, tmp_path):
    group = draw_photo(tmp_path / "group.png", RED, BLUE)
    found = send("/api/faces", {"photo": [group]}).json()
    assert (found["width"], found["height"]) == (200, 100)
    assert found["faces"] == [[20, 20, 80, 80], [110, 20, 170, 80]]
    send("/api/enroll", {"photos": [group]}, name="Blue", faces=["2"])
    blue = draw_photo(tmp_path / "probe.png", (5, 5, 245))
    (record,) = send("/api/identify", {"photos": [blue]}).json()
    assert record["name"] == "Blue"
    # Without a number: two alike, so nothing is stored but the reason.
    record = send("/api/enroll", {"photos": [group]}, name="Red").json()
    assert record["added"] == []
    assert "shows 2 faces" in record["failures"]["group.png"]


def test_answers_are_the_records_of_the_command(enrolled, send, desk, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", (249, 5, 5), GREEN)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    answer = send("/api/identify", {"photos": [probe, broken]}, top_k=1)
    red, unknown, unread = answer.json()
    assert (red["name"], red["photo"], red["face"]) == ("Red", "probe.png", 1)
    assert red["box_px"] == [20, 20, 80, 80]
    # 250 - 1 is the second photo's very colour.
    ((match),) = red["matches"]
    assert (match["name"], match["photo"]) == ("Red", 2)
    assert unknown["status"] == "unknown" and unknown["name"] is None
    assert unread["status"] == "unreadable"
    assert unread["reason"].startswith("broken.jpg: ")
    lines = (desk.own.cards / RECORDS).read_text().splitlines()
    kept = [json.loads(line) for line in lines]
    # What a terminal is told to run, nobody can on a page.
    for record in kept[:2]:
        assert record["no_probability"].endswith("run: python cli.py calibrate")
        record["no_probability"] = "nothing was measured for this model."
    assert kept == [red, unknown, unread]


def test_a_card_is_drawn_when_it_is_asked_for(enrolled, send, client, tmp_path):
    probe = draw_photo(tmp_path / "probe.png", RED)
    (record,) = send("/api/identify", {"photos": [probe]}).json()
    assert record["card"] is None
    (record,) = send("/api/identify", {"photos": [probe]}, cards=True).json()
    name = record["card"].rpartition("/")[2]
    card = client.get(f"/api/cards/{name}")
    assert card.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(card.content)).width > 1000
    sheet = client.get(f"/api/cards/{name}".replace(".png", ".pdf"))
    assert sheet.headers["content-type"] == "application/pdf"
    # One page of 210 x 297 mm, in points of 1/72 inch.
    (box,) = re.findall(rb"/MediaBox \[ 0 0 (\S+) (\S+) \]", sheet.content)
    assert [float(side) for side in box] == pytest.approx([595.3, 842], abs=0.5)
    for wrong in (
        "other.png",
        "other.pdf",
        RECORDS,
        "..%2Fgallery%2Fgallery.sqlite",
        "%2e%2e",
    ):
        assert client.get(f"/api/cards/{wrong}").status_code == 404


def test_a_film_is_answered_and_does_not_stay(
    enrolled, send, desk, client, tmp_path, monkeypatch
):
    watched, look = [], Identifier.faces

    def noted(*args):
        watched.append(client.get("/api/progress").json()["watched"])
        return look(*args)

    monkeypatch.setattr(Identifier, "faces", noted)
    frame = cv2.cvtColor(
        cv2.imread(str(draw_photo(tmp_path / "frame.png", RED))), cv2.COLOR_BGR2RGB
    )[..., ::-1]
    film = cv2.VideoWriter(
        str(tmp_path / "party.avi"), cv2.VideoWriter.fourcc(*"PNG "), 5, (110, 100)
    )
    for _ in range(6):
        film.write(frame)
    film.release()
    (record,) = send("/api/identify", {"photos": [tmp_path / "party.avi"]}).json()
    assert (record["name"], record["photo"]) == ("Red", "party.avi")
    assert record["frames"] == 2
    # The first frame and the sixth, after 1 s of 1.2.
    assert watched == [0, pytest.approx(1 / 1.2)]
    assert client.get("/api/progress").json() == {"watched": None}
    assert list((tmp_path / "dropped").iterdir()) == []
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"RIFF\0\0\0\0AVI LIST")
    (record,) = send("/api/identify", {"photos": [broken]}).json()
    assert record["status"] == "unreadable"
    assert record["reason"].startswith("broken.avi: ")
    assert str(tmp_path) not in record["reason"]


def test_two_photos_are_compared(send, tmp_path):
    def same(first, second):
        answer = send("/api/verify", {"photo_a": [first], "photo_b": [second]})
        return answer.json()

    red, again = (draw_photo(tmp_path / f"{n}.png", RED) for n in "ab")
    record = same(red, again)
    assert (record["file_a"], record["file_b"]) == ("a.png", "b.png")
    assert record["same"] is True
    assert same(red, draw_photo(tmp_path / "c.png", BLUE))["same"] is False


def test_people_are_shown_renamed_merged_and_erased(enrolled, client):
    assert names(client) == ["Blue", "Red"]
    first, second = client.get("/api/people/Red").json()
    assert (first["number"], second["source"]) == (1, "1.png")
    chip = client.get("/api/people/Red/photos/2")
    assert np.asarray(Image.open(io.BytesIO(chip.content)))[16, 16, 0] > 200
    refused(client.get("/api/people/Red/photos/3"), 404, "no photo with the number 3")
    refused(client.get("/api/people/Red/photos/0"), 404, "no photo with the number 0")

    renamed = client.patch("/api/people/Blue", json={"name": " Navy "})
    assert renamed.json() == {"name": "Navy"}
    refused(client.patch("/api/people/Navy", json={"name": "Red"}), 409, "already")
    terms = {"consent": "form 17", "retain_until": "2001-12-31"}
    assert client.patch("/api/people/Navy", json=terms).json() == {"name": "Navy"}
    navy, _ = client.get("/api/people").json()
    assert (navy["consent"], navy["expired"]) == ("form 17", True)
    soon = client.patch("/api/people/Navy", json={"retain_until": "soon"})
    refused(soon, 400, "expected a day such as")
    moved = client.post("/api/people/Red/photos/1/move", json={"to": "Navy"})
    assert moved.json() == {"moved": 1}
    assert client.delete("/api/people/Navy/photos/2").json()["photos"] == 1
    merged = client.post("/api/people/Red/merge", json={"other": "Navy"})
    assert merged.json()["moved"] == 1 and names(client) == ["Red"]
    assert client.delete("/api/people/Red").json() == {"photos": 2, "left": []}
    assert names(client) == []


def test_a_person_is_exported_with_faces_and_record(enrolled, client):
    terms = {"consent": "form 17", "retain_until": "2099-12-31"}
    client.patch("/api/people/Red", json=terms)
    answer = client.get("/api/people/Red/export")
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.namelist() == ["1.jpg", "2.jpg", "person.json"]
        record = json.loads(packed.read("person.json"))
        assert packed.read("2.jpg") == client.get("/api/people/Red/photos/2").content
    assert (record["name"], record["photo_count"]) == ("Red", 2)
    assert {key: record[key] for key in terms} == terms
    assert [photo["file"] for photo in record["photos"]] == ["1.jpg", "2.jpg"]
    assert record["photos"][1]["source"] == "1.png"
    refused(client.get("/api/people/Rod/export"), 404, "Did you mean 'Red'")


def test_mistakes_are_one_sentence(enrolled, send, client, tmp_path):
    red = [draw_photo(tmp_path / "red.png", RED)]
    text = tmp_path / "note.jpg"
    text.write_text("hello")
    heic = tmp_path / "phone.heic"
    heic.write_bytes(b"1")
    refused(send("/api/enroll", {"photos": red}, name="a/b"), 400, "no slash")
    refused(send("/api/enroll", {"photos": red}), 400, "name: ")
    refused(client.post("/api/identify"), 400, "photos: ")
    refused(send("/api/identify", {"photos": red}, fpir=2), 400, "fpir must be")
    refused(send("/api/faces", {"photo": [text]}), 400, "note.jpg: ")
    refused(send("/api/faces", {"photo": [heic]}), 400, ".heic files are not read")
    refused(client.get("/api/people/Rod"), 404, "Did you mean 'Red'")
    refused(client.delete("/api/people/Nobody"), 404, "not in the gallery")
    refused(client.delete("/api/people/Blue/photos/1"), 400, "without a photo")
    refused(client.get("/api/nothing"), 404, "/api/nothing: Not Found")
    refused(client.put("/api/people"), 405, "Method Not Allowed")
    refused(client.get("/api/people?gallery=third"), 400, "gallery: ")


def test_nobody_is_enrolled_yet(send, tmp_path):
    red = [draw_photo(tmp_path / "red.png", RED)]
    answer = send("/api/identify", {"photos": red})
    assert answer.status_code == 404 and "error" in answer.json()


def test_a_gallery_of_another_model_is_embedded_again(enrolled, send, desk, tmp_path):
    models = desk.own.models
    models.embedder = ColourEmbedder(fingerprint="d" * 64)
    red = [draw_photo(tmp_path / "red.png", RED)]
    answer = send("/api/identify", {"photos": red})
    assert answer.status_code == 409 and answer.json()["remedy"] == "embed"
    told = answer.json()["error"]
    assert told.startswith("The stored photos belong to another model (cccccccccccc)")
    assert "cli.py" not in told
    assert desk.own.embed() == {"photos": 3}
    (record,) = send("/api/identify", {"photos": red}).json()
    assert record["name"] == "Red"
    # The thresholds of the old model went: nothing was measured for the new one.
    assert "cli.py" not in record["no_probability"]


def test_masks_come_as_pictures(send, client, tmp_path):
    choices = client.get("/api/masks").json()
    assert [*choices["kinds"]] == [*KINDS, *OCCLUDERS]
    assert choices["kinds"]["shield"] == ["correct", "crooked"]
    path = tmp_path / "face.png"
    write_image(path, drawn_face(200)[0])
    answer = send("/api/mask", {"photo": [path]}, kind="cloth", colour="#d01010")
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (200, 200)
    nobody = draw_photo(tmp_path / "black.png")
    write_image(nobody, drawn_face(200)[0] * 0)
    refused(send("/api/mask", {"photo": [nobody]}), 400, "black.png: no face found")
    refused(
        send("/api/mask", {"photo": [path]}, kind="shield", wearing_style="nose_out"),
        400,
        "cannot be worn",
    )


def test_masks_of_several_photos_come_as_a_zip(send, tmp_path, desk):
    pixels = drawn_face(200)[0]
    for name in ("face.png", "face.jpg", "black.png"):
        write_image(tmp_path / name, pixels * (name != "black.png"))
    note = tmp_path / "note.jpg"
    note.write_text("hello")
    photos = [*(tmp_path / n for n in ("face.png", "face.jpg", "black.png")), note]
    fields = {"photos": photos, "texture": [tmp_path / "face.jpg"]}
    answer = send("/api/masks", fields, kind="cloth", layers=True)
    assert answer.headers["content-type"] == "application/zip"
    skipped = json.loads(answer.headers["skipped"])
    assert [*skipped] == ["black.png", "note.jpg"]
    assert skipped["black.png"] == "black.png: no face found."
    with ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        # Each of its own format; files of one stem are told apart.
        assert packed.namelist() == [
            *("face.png", "face.alpha.png", "face.parts.png"),
            *("face (2).jpg", "face (2).alpha.png", "face (2).parts.png"),
            "labels.json",
        ]
        labels = json.loads(packed.read("labels.json"))
        assert Image.open(packed.open("face (2).jpg")).format == "JPEG"
    assert [label["photo"] for label in labels] == ["face.png", "face.jpg"]
    assert labels[1]["masked"] == "face (2).jpg"
    assert {label["spec"]["texture"] for label in labels} == {"face.jpg"}
    assert [*desk.own.dropped.iterdir()] == []
    refused(send("/api/masks", {"photos": [note]}), 400, "note.jpg: not an image")


def test_the_example_is_kept_apart(enrolled, client, desk, monkeypatch):
    desk.examples.photos = {"example-1.jpg": b"jpeg"}
    assert client.post("/api/example").json() == {"photos": ["example-1.jpg"]}
    assert client.get("/api/example/example-1.jpg").content == b"jpeg"
    refused(client.get("/api/example/passwd"), 404, "no example")
    assert client.get("/api/people?gallery=example").json() == []
    assert names(client) == ["Blue", "Red"]


def test_the_api_describes_itself_and_nothing_from_elsewhere(client):
    described = client.get("/api/openapi.json").json()
    assert {"/api/identify", "/api/verify", "/api/enroll"} <= set(described["paths"])
    for page in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(page).status_code == 404
