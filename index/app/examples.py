"""An example gallery to play with: people of the embedded sample, who do not exist."""

from __future__ import annotations

from pathlib import Path

from index.app.actions import AppActions
from index.app.masks import mask_spec
from index.app.uploads import Upload
from index.enrollment.config import EnrollConfig
from masking.datasets.images import encode_image, list_images, read_rgb
from masking.datasets.sample import sample_newcomers, sample_people
from masking.rendering.render import render

_PEOPLE, _PHOTOS = 8, 2
# What is tried on them: whose photo that is not enrolled, in which kind of mask.
_PROBES = ((2, "surgical"), (5, "ffp2"), (None, "cloth"))


class Examples:
    """Made when it is first asked for, in a workspace of its own; for one thread."""

    def __init__(self, actions: AppActions):
        """
        Args:
            actions: on an empty workspace, which goes when the run ends.
        """
        self.actions = actions
        self.photos: dict[str, bytes] = {}

    def make(self) -> list[str]:
        """Names of masked photos to try, two of people who are enrolled.

        Looked up in `photos`, as JPEG.
        """
        if not self.photos:
            people = sorted(sample_people().iterdir())[:_PEOPLE]
            for person in people:
                files = list_images(person)[:_PHOTOS]
                self.actions.enroll(
                    person.name.replace("_", " "),
                    [Upload(file.name, file.read_bytes()) for file in files],
                    (),
                    EnrollConfig(consent="does not exist"),
                )
            self.photos = {
                f"example-{number}.jpg": self._masked(people, whose, kind)
                for number, (whose, kind) in enumerate(_PROBES, start=1)
            }
        return [*self.photos]

    def _masked(self, people: list[Path], whose: int | None, kind: str) -> bytes:
        newcomer = min(sample_newcomers().iterdir())
        person = newcomer if whose is None else people[whose]
        image = read_rgb(list_images(person)[-1])
        (face, *_) = self.actions.models.unmasked_finder.find(image)
        spec = mask_spec(kind, "correct", "", 4)
        pixels = render(image, face.landmarks, [spec]).pixels
        return encode_image(pixels, ".jpg")
