"""Photographs to names: one answer, one result card and one record a face.

A photograph with several faces gets a card of all of them, too.
"""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image as Pillow

from index.calibration.calibration import Decision
from index.gallery.gallery import Gallery
from index.gallery.workspace_traces import RECORDS
from index.identification.answers import (
    NO_FACE,
    UNREADABLE,
    Answer,
    answer_record,
    once_each,
    status_of,
    writing,
)
from index.identification.cards.occlusion_map import occlusion_heat
from index.identification.cards.overview_card import OverviewFace, draw_overview
from index.identification.cards.result_card import (
    CARD_CANDIDATES,
    CardContent,
    draw_card,
)
from index.identification.config import IdentifyConfig
from index.identification.recogniser import Recogniser
from index.identification.sources import probe_photos, shown_name
from masking.datasets.folders import refuse_overlap
from masking.datasets.images import read_bytes, write_image
from masking.errors import BadRecord, MissingInput, UnreadableImage
from masking.faces.finder import (
    AlignedPhoto,
    Finder,
    PhotoFile,
    align_faces,
    read_faces,
)
from masking.files.writing import append_records, private_folder
from masking.landmarks import Image
from training.embedders.embedded_face import (
    EmbeddedFace,
    Embedder,
    embed_faces,
    network_input,
)
from training.embedders.mask_classifier import MaskState


def identify(
    photos: Sequence[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: Finder,
    out: Path,
    config: IdentifyConfig,
    read: Callable[[Path], bytes] = read_bytes,
) -> Iterator[Answer]:
    """Answer for every face of every photograph; a bad photo never stops the rest.

    Answers come as soon as they are known, in the order of `photos`; faces of one
    photo from the most prominent on.

    Args:
        photos: files, folders of photographs, or "-".
        out: folder for one PNG card a face; the file RECORDS there gets a line an
            answer.
        read: gives the bytes of a photograph.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        MissingInput: no photo was given, or nobody is enrolled.
        ToolkitError: `out` cannot be written.
    """
    identifier = Identifier(gallery, embedder, finder, out, config)
    for photo in identifier.photos(photos):
        yield from identifier.answers(photo, read)


class Identifier:
    """A gallery, an embedder and a search, ready for any number of photographs."""

    def __init__(
        self,
        gallery: Gallery,
        embedder: Embedder,
        finder: Finder,
        out: Path,
        config: IdentifyConfig,
    ):
        gallery.check_embedder(embedder)
        self.recogniser = Recogniser(gallery, embedder.geometry, config)
        self.cards = CardWriter(out, self.recogniser, embedder, config.heatmap)
        self.embedder, self._finder = embedder, finder
        self._out, self._config = out, config

    def photos(self, given: Sequence[Path]) -> list[Path]:
        """The photographs meant by files, folders and "-".

        Raises:
            MissingInput, InvalidConfig: as `probe_photos`.
            InvalidConfig: a folder holds the one for cards, or lies in it.
        """
        for path in given:
            if path.is_dir():
                refuse_overlap(path, self._out)
        return probe_photos(given)

    def answers(
        self, photo: Path, read: Callable[[Path], bytes] = read_bytes
    ) -> list[Answer]:
        """One answer a face, or a single one that says why there is none."""
        started = time.perf_counter()
        given, photo = photo, shown_name(photo)
        try:
            file = PhotoFile(str(photo), read(given))
            probe = read_faces(file, self._finder, [self.embedder.geometry])
            faces = embed_faces(self.embedder, probe.faces)
        except (UnreadableImage, BadRecord) as error:
            answers = [Answer(photo, UNREADABLE, reason=str(error))]
        else:
            answers = self._answers(photo, probe, faces, started) or [
                Answer(
                    photo,
                    NO_FACE,
                    probe.prominent.failure,
                    seconds=time.perf_counter() - started,
                )
            ]
        self.record(answers)
        return answers

    def faces(self, image: Image, source: str) -> list[EmbeddedFace]:
        """The faces of an (H, W, 3) uint8 RGB picture that is no file.

        Raises:
            BadRecord: the embedder answers what is no embedding.
        """
        geometries = [self.embedder.geometry]
        found = align_faces(image, source, "", self._finder, geometries)
        return embed_faces(self.embedder, found.faces)

    def record(self, answers: Sequence[Answer]) -> None:
        """Append answers to the file RECORDS.

        Raises:
            ToolkitError: it cannot be written.
        """
        with writing(self._out):
            append_records(self._out / RECORDS, map(answer_record, answers))

    def reported(self, decision: Decision) -> Decision:
        """The decision with as many candidates as were asked for."""
        shown = decision.matches[: self._config.top_k]
        return dataclasses.replace(decision, matches=shown)

    def shown(self, decision: Decision) -> tuple[int, ...]:
        """Numbers of the people whom the answer or its card names."""
        count = max(self._config.top_k, CARD_CANDIDATES)
        return tuple(match.person_id for match in decision.matches[:count])

    def _answers(
        self,
        path: Path,
        photo: AlignedPhoto,
        faces: Sequence[EmbeddedFace],
        started: float,
    ) -> list[Answer]:
        decided = once_each([self.recogniser.decide(face) for face in faces])
        decisions = [decision for decision, _ in decided]
        seconds = time.perf_counter() - started
        cards: list[Path | None] = [None] * len(decisions)
        overview = None
        if self._config.cards:
            cards = [
                self._card(photo, faces, place, decision, seconds)
                for place, decision in enumerate(decisions)
            ]
            if len(decisions) > 1:
                overview = self.cards.write_overview(photo, decisions)
        return [
            Answer(
                photo=path,
                status=status_of(decision),
                reason=decided[face][1],
                face=face + 1,
                faces=len(decisions),
                box=photo.faces[face].box,
                decision=(reported := self.reported(decision)),
                photos=self.recogniser.nearest_photos(reported, faces[face].embedding),
                card=cards[face],
                overview=overview,
                shown=self.shown(decision),
                seconds=seconds,
            )
            for face, decision in enumerate(decisions)
        ]

    def _card(
        self,
        photo: AlignedPhoto,
        faces: Sequence[EmbeddedFace],
        place: int,
        decision: Decision,
        seconds: float,
    ) -> Path:
        count = len(faces)
        which = f"face {place + 1} of {count}" if count > 1 else "one face"
        line = f"{which} · {seconds:.2f} s"
        ending = f"{card_token(photo)}-face{place + 1}"
        return self.cards.write_face(photo, place, faces[place], decision, ending, line)


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
