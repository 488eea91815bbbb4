"""Which answers, cards and folders of a workspace a removal takes along."""

import json

import pytest

from index.gallery.storage.erased_people import ErasedPeople
from index.gallery.workspace_traces import erase_traces, workspace_of

SHA = "ab12cd34" + "0" * 56
ANN = ErasedPeople(frozenset([3]), frozenset(["Ann"]), frozenset([SHA]))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Ann", True),
        ("photos/Ann/1.jpg", True),
        ("Ann_0001.jpg", True),
        ("unknown, nearest is Ann.", True),
        ("Anna/1.jpg", False),
        ("Joann", False),
        ("Ann1", False),
        (["x", {"deep": "Ann"}], True),
        (7, False),
        (None, False),
    ],
)
def test_names_are_found_as_words(text, named):
    assert ANN.named_in(text) is named


def test_names_are_found_however_their_letters_are_composed():
    zoe = ErasedPeople(names=frozenset(["Zo\u00eb"]))
    assert zoe.named_in("photos/Zoe\u0308/1.jpg")


def test_photographs_are_known_by_name_or_by_content():
    assert ANN.own(" Ann ", "")
    assert ANN.own("Somebody", SHA)
    assert not ANN.own("Anna", "f" * 64)


def test_record_is_read_back():
    assert ErasedPeople.from_json(ANN.to_json()) == ANN
    assert ErasedPeople.from_json("") == ErasedPeople()
    bob = ErasedPeople(frozenset([4]), frozenset(["Bob"]))
    both = ANN.and_others(bob)
    assert both.person_ids == {3, 4} and both.names == {"Ann", "Bob"}


def answer(card, **more):
    return json.dumps({"photo": "p.jpg", "card": f"w/identified/{card}"} | more)


def test_answers_and_cards_that_show_somebody_go(tmp_path):
    folder = tmp_path / "identified"
    folder.mkdir()
    records: dict[str, dict[str, object]] = {
        "a-00000001-face1.png": {"person_ids": [1, 3]},
        "b-00000002-face1.png": {"person_ids": [1], "name": "Ann"},
        "c-ab12cd34-face1.png": {"person_ids": [1]},
        "d-00000004-face1.png": {"person_ids": [1], "photo": "Ann.jpg"},
        "e-00000005-face1.png": {"person_ids": [1, 2]},
        "f-20300102-030405-track1.png": {"person_ids": [2]},
    }
    lines = [answer(card, **more) for card, more in records.items()]
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n")
    # Nobody knows any more whom the last of the cards shows.
    own = ["my-picture.png", "notes.txt"]
    for name in [*records, *own, "g-00000007-all.png", "h-00000008-track12.png"]:
        (folder / name).write_bytes(b"")
    assert list(erase_traces(tmp_path, ANN)) == []
    kept = ["e-00000005-face1.png", "f-20300102-030405-track1.png", *own]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*kept, "answers.jsonl"]
    )
    assert len((folder / "answers.jsonl").read_text().splitlines()) == 2


def test_answers_of_a_changed_person_go_and_nothing_else(tmp_path):
    folder = tmp_path / "identified"
    folder.mkdir()
    cards = {"a-00000001-face1.png": [1, 3], "b-00000002-face1.png": [2]}
    lines = [answer(card, person_ids=ids) for card, ids in cards.items()]
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n")
    cache = tmp_path / "found-faces" / "ab.json"
    cache.parent.mkdir()
    for path in (cache, *(folder / card for card in cards)):
        path.write_bytes(b"")
    assert list(erase_traces(tmp_path, ErasedPeople(changed=frozenset([3])))) == []
    assert cache.exists()
    assert [path.name for path in folder.glob("*.png")] == ["b-00000002-face1.png"]


def test_caches_and_private_sheets_go_and_reports_stay(tmp_path):
    for name in (
        "found-faces/ab/ab.json",
        "evaluated/lfw/private/worst-0.png",
        "evaluated/lfw/report.json",
        "models/cache/unmasked-0.npy",
        "models/training.pt",
        "models/embedder-0.pt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list(erase_traces(tmp_path, ANN)) == []
    left = sorted(
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    # Nobody of an augmented folder was forgotten, so no training saw them.
    assert left == [
        "evaluated/lfw/report.json",
        "models/embedder-0.pt",
        "models/training.pt",
    ]


def test_link_is_named_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "photo.jpg").write_bytes(b"")
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "found-faces").symlink_to(tmp_path / "elsewhere")
    (line,) = erase_traces(workspace, ANN)
    assert "found-faces: is a link" in line
    assert (tmp_path / "elsewhere" / "photo.jpg").exists()


def test_only_a_gallery_of_a_workspace_has_one(tmp_path):
    assert workspace_of(tmp_path / "w" / "gallery") == tmp_path / "w"
    assert workspace_of(tmp_path / "other") is None
