"""Writes the cards of answers: one a face, and one of a photo with several."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image as Pillow

from index.calibration.calibration import Decision
from index.identification.cards.occlusion_map import occlusion_heat
from index.identification.cards.overview_card import OverviewFace, draw_overview
from index.identification.cards.result_card import CardContent, draw_card
from index.identification.recogniser import Recogniser
from masking.datasets.images import write_image
from masking.errors import MissingInput, ToolkitError
from masking.faces.finder import AlignedPhoto
from masking.files.writing import private_folder
from training.embedders.embedded_face import EmbeddedFace, Embedder, network_input
from training.embedders.mask_classifier import MaskState

# File systems allow names of 255 bytes; a letter takes up to four.
_STEM_LETTERS = 40
_A4_WIDTH_INCH = 210 / 25.4


@dataclass(frozen=True, eq=False)
class CardWriter:
    """Draws cards into a folder.

    Attributes:
        out: the folder; made when it is missing.
        heatmap: whether a card shows what the score rests on, at the price of
            embedding some fifty more chips.
    """

    out: Path
    recogniser: Recogniser
    embedder: Embedder
    heatmap: bool

    def write_face(
        self,
        photo: AlignedPhoto,
        place: int,
        face: EmbeddedFace,
        decision: Decision,
        ending: str,
        circumstances: str,
        pair: bool = False,
    ) -> Path:
        """The card of one face; gives its path.

        Args:
            place: of the face among those of the photo.
            ending: of the file's name: which picture and which of its cards.
            circumstances: a line for the card.
            pair: the gallery holds nothing but another photo.

        Raises:
            ToolkitError: it cannot be written.
        """
        path = self._path(photo, ending)
        heat = None
        if self.heatmap and decision.matches:
            # Removed in this moment by another process: nothing to explain.
            with suppress(MissingInput):
                person = self.recogniser.template(decision.matches[0])
                (crop,) = network_input([face.face.crop])
                heat = occlusion_heat(crop, person, self.embedder)
        state = decision.mask_state
        content = CardContent(
            photo=photo.image,
            photo_name=Path(photo.source).name,
            boxes=tuple(found.box for found in photo.faces),
            face=place,
            chip=face.face.crop,
            names=decision.names,
            candidates=tuple(self.recogniser.candidates(decision, face.embedding)),
            accepted_from=decision.accepted_from,
            notes=self._notes(photo)[pair:],
            circumstances=circumstances,
            probability=decision.probability,
            gap=decision.gap,
            no_probability=decision.no_probability,
            mask=_mask_in_words(state),
            heat=heat,
            pair=pair,
        )
        with writing(self.out):
            write_image(private_folder(self.out) / path.name, draw_card(content))
        return path

    def write_overview(
        self, photo: AlignedPhoto, decisions: Sequence[Decision]
    ) -> Path:
        """The card of all faces of a photo; gives its path.

        Raises:
            ToolkitError: it cannot be written.
        """
        path = self._path(photo, f"{card_token(photo)}-all")
        faces = [
            OverviewFace(
                face.box,
                face.crop,
                decision.names,
                decision.answer,
                decision.matches[0].name if decision.matches else "",
                decision.matches[0].score if decision.matches else 0.0,
                decision.probability,
            )
            for face, decision in zip(photo.faces, decisions, strict=True)
        ]
        name = Path(photo.source).name
        card = draw_overview(photo.image, name, self._notes(photo), faces)
        with writing(self.out):
            write_image(private_folder(self.out) / path.name, card)
        return path

    def _notes(self, photo: AlignedPhoto) -> tuple[str, ...]:
        """For the foot: where the threshold comes from; date, model and photo."""
        model = f"model {self.embedder.name} {self.embedder.fingerprint[:8]}"
        made = f"{datetime.now():%Y-%m-%d %H:%M} · {model}"
        # Frames of videos have no file of their own.
        file = f" · photo SHA-256 {photo.sha256[:16]}" if photo.sha256 else ""
        return self.recogniser.note(), made + file

    def _path(self, photo: AlignedPhoto, ending: str) -> Path:
        return self.out / f"{card_stem(Path(photo.source))}-{ending}.png"


def _mask_in_words(state: MaskState | None) -> str:
    if state is None:
        return ""
    return "no mask" if state.label == "unmasked" else state.label


def card_token(photo: AlignedPhoto) -> str:
    """Short, and the same for the same file: new cards replace its old ones."""
    return photo.sha256[:8]


def card_stem(path: Path) -> str:
    """The start of a card's file name: what is plain of the probe's."""
    stem = path.stem[:_STEM_LETTERS].encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() and c != "?" else "_" for c in stem)


def card_pdf(path: Path) -> bytes:
    """The PNG of a card as a PDF of one page, as wide as A4.

    Raises:
        MissingInput: it is gone.
    """
    buffer = io.BytesIO()
    try:
        with Pillow.open(path) as card:
            card.convert("RGB").save(
                buffer,
                "PDF",
                title=path.stem,
                resolution=card.width / _A4_WIDTH_INCH,
                # Letters are small: a JPEG of Pillow's usual quality blurs them.
                quality=95,
                subsampling=0,
            )
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: no such card.") from error
    return buffer.getvalue()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Failures to write become one sentence.

    Raises:
        ToolkitError: the block met an OSError.
    """
    try:
        yield
    except OSError as error:
        raise ToolkitError(
            f"{folder}: cannot be written ({error.strerror or error}). Check that the "
            "folder is writable and the disk is not full."
        ) from error
