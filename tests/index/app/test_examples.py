"""The example gallery shows what the page can do, with the models that are shipped."""

from index.app.actions import AppActions
from index.app.examples import Examples
from index.app.models import Models
from index.app.people import people_records
from index.app.uploads import Upload
from index.identification.config import IdentifyConfig
from training.checkpoints.store import choose_onnx_embedder


def test_two_are_named_behind_their_masks_and_a_stranger_is_not(tmp_path):
    models = Models(choose_onnx_embedder("shipped", tmp_path / "models"))
    actions = AppActions(tmp_path / "example", models, tmp_path)
    examples = Examples(actions)
    names = examples.make()
    assert names == ["example-1.jpg", "example-2.jpg", "example-3.jpg"]
    photos = [Upload(name, examples.photos[name]) for name in names]
    records = actions.identify(photos, IdentifyConfig())
    found = [(record["name"], record["mask"]) for record in records]
    assert [name for name, _ in found] == ["Person 15", "Person 50", None]
    assert all(mask != "unmasked" for _, mask in found)
    with actions.open() as gallery:
        people = people_records(gallery)
    assert len(people) == 8
    assert {person["photo_count"] for person in people} == {2}
    # Once is enough.
    assert examples.make() == names
