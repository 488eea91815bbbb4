"""Photographs to names: one answer, one result card and one record a face."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from index.calibration.calibration import Decision
from index.gallery.answer_file import RECORDS, append_answers
from index.gallery.gallery import Gallery
from index.identification.answers import (
    NO_FACE,
    UNREADABLE,
    Answer,
    answer_record,
    once_each,
    status_of,
)
from index.identification.card_writer import CardWriter, card_token, writing
from index.identification.cards.result_card import CARD_CANDIDATES
from index.identification.config import IdentifyConfig
from index.identification.recogniser import Recogniser
from index.identification.sources import probe_photos, shown_name
from masking.datasets.folders import refuse_overlap
from masking.datasets.images import read_bytes
from masking.errors import BadRecord, UnreadableImage
from masking.faces.finder import (
    AlignedPhoto,
    Finder,
    PhotoFile,
    align_faces,
    read_faces,
)
from masking.landmarks import Image
from training.embedders.embedded_face import EmbeddedFace, Embedder, embed_faces


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
            append_answers(self._out / RECORDS, map(answer_record, answers))

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
