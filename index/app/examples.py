"""An example gallery to play with: people of the embedded sample, who do not exist."""

from __future__ import annotations

from index.app.actions import AppActions
from index.app.masks import mask_spec
from index.app.uploads import Upload
from index.enrollment.config import EnrollConfig
from masking.datasets.images import encode_image, list_images, read_rgb
from masking.datasets.sample import sample_newcomers, sample_people
from masking.rendering.render import render

# Of the sample, some of whom look alike by chance: eight who do not.
_PEOPLE, _PHOTOS = (1, 7, 8, 13, 15, 22, 29, 50), 2
# What is tried on them: whose photo that is not enrolled, in which kind of mask.
_PROBES = (("Person_15", "surgical"), ("Person_50", "ffp2"), ("", "cloth"))


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
            for number in _PEOPLE:
                name = f"Person_{number:02d}"
                files = list_images(sample_people() / name)[:_PHOTOS]
                self.actions.enroll(
                    name.replace("_", " "),
                    [Upload(file.name, file.read_bytes()) for file in files],
                    (),
                    EnrollConfig(consent="does not exist"),
                )
            self.photos = {
                f"example-{number}.jpg": self._masked(whose, kind)
                for number, (whose, kind) in enumerate(_PROBES, start=1)
            }
        return [*self.photos]

    def _masked(self, name: str, kind: str) -> bytes:
        """A photo of an example, or of a newcomer who has no name."""
        newcomer = min(sample_newcomers().iterdir())
        person = sample_people() / name if name else newcomer
        image = read_rgb(list_images(person)[-1])
        (face, *_) = self.actions.models.unmasked_finder.find(image)
        spec = mask_spec(kind, "correct", "", 4)
        pixels = render(image, face.landmarks, [spec]).pixels
        return encode_image(pixels, ".jpg")
