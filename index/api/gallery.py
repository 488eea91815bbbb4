"""The people of a workspace for programs: enrolled, and identified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from index.api.faces import FaceReader
from index.api.pictures import checked_picture
from index.calibration.calibration import Decision, Match
from index.enrollment.faces import NamedPhoto
from index.enrollment.stage import EnrollChecks, EnrollReport, enroll_photos
from index.gallery.gallery import open_or_create_gallery
from index.gallery.storage.store import checked_name
from index.gallery.workspace_traces import GALLERY
from index.identification.answers import once_each
from index.identification.config import IdentifyConfig
from index.identification.recogniser import Recogniser, decided_by
from masking.datasets.images import encode_image
from masking.errors import MissingInput
from masking.landmarks import Image
from training.embedders.embedded_face import EmbeddedFace

__all__ = ["Decision", "EnrollReport", "FaceGallery", "IdentifiedFace", "Match"]


@dataclass(frozen=True, eq=False)
class IdentifiedFace:
    """One face of a picture, and who it is.

    Attributes:
        face: where it is and its embedding.
        decision: `names`, which are accepted; `matches`, the nearest people with their
            scores; `probability` that the first is right; `mask_state`.
    """

    face: EmbeddedFace
    decision: Decision

    @property
    def name(self) -> str | None:
        """The accepted name; None when nobody is, or when two are too alike."""
        return self.decision.name


class FaceGallery:
    """The people of a workspace: the gallery that the commands use.

    Close it, or use it in a `with` block. For one thread.

    Args:
        workspace: folder; the gallery is `gallery` there, and made when missing.
        model, five_points: as for `FaceReader`; enroll and identify with the same.

    Raises:
        EmbedderMismatch: the gallery was made with another model.
        MissingInput, BadRecord: the model or the gallery is missing or damaged.

    >>> from tempfile import TemporaryDirectory
    >>> from index.api.masks import render_masks
    >>> from index.api.pictures import read_picture, sample_newcomers
    >>> *known, last = sorted((sample_newcomers() / "Newcomer_01").iterdir())
    >>> with TemporaryDirectory() as folder, FaceGallery(folder) as gallery:
    ...     report = gallery.enroll("Ada", known[:3])
    ...     masked = render_masks(read_picture(last), ["surgical"])
    ...     (found,) = gallery.identify(masked.pixels)
    >>> len(report.added), found.name, found.decision.mask_state.label
    (3, 'Ada', 'masked')
    """

    def __init__(
        self,
        workspace: Path | str = "workspace",
        model: str = "auto",
        five_points: bool = False,
    ):
        self.reader = FaceReader(model, workspace, five_points)
        self._gallery = open_or_create_gallery(
            Path(workspace) / GALLERY, self.reader.embedder
        )
        self._recogniser: Recogniser | None = None
        self._size = 0

    def __enter__(self) -> FaceGallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the gallery's file."""
        self._gallery.close()

    def people(self) -> list[str]:
        """Names of all who are enrolled."""
        return [person.name for person in self._gallery.people()]

    def enroll(self, name: str, photos: Sequence[Path | Image]) -> EnrollReport:
        """Add a person, or more photos of one; nothing is trained.

        Args:
            photos: files, or (H, W, 3) uint8 RGB pictures, of one face each.

        Returns:
            `added`, `known` and `failures`: why a photo was not stored, such as that
            it looks like somebody of another name.

        Raises:
            InvalidConfig: a name that nobody can have.
            MissingInput: no photo was given.
            NoFace: none of the photos could be enrolled; says why.
        """
        wanted = checked_name(name)
        if not photos:
            raise MissingInput(f"{wanted}: no photo was given. Give one face each.")
        named = [
            NamedPhoto(wanted, Path(photo))
            if isinstance(photo, (str, Path))
            else NamedPhoto(
                wanted,
                Path(f"picture-{number}.png"),
                data=encode_image(checked_picture(photo), ".png"),
            )
            for number, photo in enumerate(photos, 1)
        ]
        embedder, finder = self.reader.embedder, self.reader.finder
        checks = EnrollChecks(decided_by(self._gallery, embedder))
        return enroll_photos(
            named, self._gallery, embedder, lambda: finder, 1, checks=checks
        )

    def identify(self, picture: Image) -> list[IdentifiedFace]:
        """Who each face of an (H, W, 3) uint8 RGB picture is; [] without a face.

        Nobody is named twice in one picture.

        Raises:
            MissingInput: nobody is enrolled.
        """
        faces = self.reader.embed(self.reader.find(picture))
        if self._recogniser is None or self._size != self._gallery.size:
            # Thresholds follow the number of people.
            config, self._size = IdentifyConfig(), self._gallery.size
            geometry = self.reader.embedder.geometry
            self._recogniser = Recogniser(self._gallery, geometry, config)
        recogniser = self._recogniser
        decided = once_each([recogniser.decide(face) for face in faces])
        return [
            IdentifiedFace(face, decision)
            for face, (decision, _) in zip(faces, decided, strict=True)
        ]
