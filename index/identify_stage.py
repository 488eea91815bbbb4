"""Photographs to names: one answer, one result card and one record a face."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from index.answers import (
    NO_FACE,
    RECORDS,
    UNREADABLE,
    Answer,
    answer_record,
    status_of,
)
from index.calibration import Match
from index.decision import judge_of
from index.enroll_stage import network_input, photo_list
from index.gallery import Gallery
from index.gallery_rows import checked_embedding
from index.identify_config import IdentifyConfig
from index.neighbour_search import open_search
from index.result_card import CARD_CANDIDATES, CardCandidate, CardContent, draw_card
from masking.alignment import crop_chip
from masking.errors import BadRecord, MissingInput, ToolkitError, UnreadableImage
from masking.face_detection import FaceBox
from masking.face_finding import FaceFinder
from masking.image_files import decode_rgb, file_sha256, read_bytes, write_image
from masking.landmarks import Float32, Image
from training.embedder import Embedder
from training.mask_state import mask_states

# People removed while the search files are being replaced drop out of a list.
_SPARE_CANDIDATES = 5
# File systems allow names of 255 bytes; a letter takes up to four.
_STEM_LETTERS = 40


@dataclass(frozen=True, eq=False)
class Probe:
    """A photograph of somebody unknown, with all its faces.

    Attributes:
        path: the file.
        sha256: of its bytes.
        image: (H, W, 3) uint8 RGB.
        boxes: where the faces are, the prominent one first.
        chips: (S, S, 3) uint8 RGB, one a face.
        embeddings: (F, D) float32, one row a face.
    """

    path: Path
    sha256: str
    image: Image
    boxes: tuple[FaceBox, ...]
    chips: tuple[Image, ...]
    embeddings: Float32


def identify(
    photos: Sequence[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: FaceFinder,
    out: Path,
    config: IdentifyConfig,
) -> list[Answer]:
    """Answer for every face of every photograph; a bad photo never stops the rest.

    Args:
        photos: files, or folders of photographs.
        out: folder for one PNG card a face; the file RECORDS there gets a line an
            answer as soon as it is known.

    Returns:
        In the order of `photos`; faces of one photo from the most prominent on.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        MissingInput: no photo was given, or nobody is enrolled.
        ToolkitError: `out` cannot be written.
    """
    photos = photo_list(photos)
    identifier = Identifier(gallery, embedder, finder, out, config)
    return [answer for photo in photos for answer in identifier.answers(photo)]


class Identifier:
    """A gallery, an embedder and a search, ready for any number of photographs."""

    def __init__(
        self,
        gallery: Gallery,
        embedder: Embedder,
        finder: FaceFinder,
        out: Path,
        config: IdentifyConfig,
    ):
        gallery.check_embedder(embedder)
        self._search = open_search(gallery, config.engine)
        self._gallery, self._embedder, self._finder = gallery, embedder, finder
        self._out, self._config = out, config
        self._gallery_size = len(gallery.people())
        self._judge = judge_of(gallery, config.fpir, config.threshold)

    def answers(self, photo: Path) -> list[Answer]:
        """One answer a face, or a single one that says why there is none."""
        started = time.perf_counter()
        try:
            probe = self._read(photo)
        except (UnreadableImage, BadRecord) as error:
            answers = [Answer(photo, UNREADABLE, reason=str(error))]
        else:
            spent = time.perf_counter() - started
            answers = [
                self._answer(probe, face, spent) for face in range(len(probe.boxes))
            ] or [Answer(photo, NO_FACE, f"{photo}: no face found.", seconds=spent)]
        with _written(self._out):
            self._out.mkdir(parents=True, exist_ok=True)
            with (self._out / RECORDS).open("a", encoding="utf-8") as file:
                file.writelines(answer_record(answer) + "\n" for answer in answers)
        return answers

    def _read(self, photo: Path) -> Probe:
        data = read_bytes(photo)
        image = decode_rgb(data, str(photo))
        faces = self._finder.find(image)
        geometry = self._embedder.geometry
        chips = tuple(
            crop_chip(image, face.landmarks, geometry, str(photo)).pixels
            for face in faces
        )
        dimension = self._gallery.dimension
        embeddings = np.empty((len(chips), dimension), dtype=np.float32)
        if chips:
            for face, row in enumerate(self._embedder.embed(network_input(chips))):
                embeddings[face] = checked_embedding(row, dimension, str(photo))
        boxes = tuple(face.box for face in faces)
        return Probe(photo, file_sha256(data), image, boxes, chips, embeddings)

    def _answer(self, probe: Probe, face: int, spent_s: float) -> Answer:
        started = time.perf_counter()
        matches = self._matches(probe.embeddings[face])
        pixels = network_input([probe.chips[face]])
        (state,) = mask_states(pixels, self._embedder.geometry)
        decision = self._judge.decide(matches, state)
        decision = replace(decision, matches=decision.matches[: self._config.top_k])
        stem = probe.path.stem[:_STEM_LETTERS].encode("ascii", "replace").decode()
        stem = stem.replace("?", "_")
        card = self._out / f"{stem}-{probe.sha256[:8]}-face{face + 1}.png"
        answer = Answer(
            photo=probe.path,
            status=status_of(decision),
            face=face + 1,
            faces=len(probe.boxes),
            box=probe.boxes[face],
            decision=decision,
            card=card,
            seconds=spent_s + time.perf_counter() - started,
        )
        content = self._card_content(probe, answer, matches[:CARD_CANDIDATES])
        with _written(self._out):
            write_image(card, draw_card(content))
        return answer

    def _matches(self, query: Float32) -> tuple[Match, ...]:
        wanted = max(self._config.top_k, CARD_CANDIDATES)
        found = self._search.nearest(query, wanted + _SPARE_CANDIDATES)
        names = self._gallery.names([neighbour.person_id for neighbour in found])
        present = [neighbour for neighbour in found if neighbour.person_id in names]
        return tuple(
            Match(names[n.person_id], n.person_id, n.distance, self._gallery.metric)
            for n in present[:wanted]
        )

    def _card_content(
        self, probe: Probe, answer: Answer, matches: Sequence[Match]
    ) -> CardContent:
        face = answer.face - 1
        return CardContent(
            photo=probe.image,
            photo_name=probe.path.name,
            boxes=probe.boxes,
            face=face,
            chip=probe.chips[face],
            name=answer.decision.name if answer.decision else None,
            candidates=tuple(self._candidates(matches, probe.embeddings[face])),
            threshold=answer.decision.threshold if answer.decision else 0.0,
            metric=self._gallery.metric,
            note=self._note(),
            seconds=answer.seconds,
        )

    def _candidates(
        self, matches: Sequence[Match], query: Float32
    ) -> Iterator[CardCandidate]:
        for match in matches:
            try:
                photo = self._gallery.nearest_photo(match.person_id, query)
            except MissingInput:
                # Removed in this moment by another process: not shown any more.
                continue
            yield CardCandidate(match.name, match.distance, photo.chip)

    def _note(self) -> str:
        people = f"{self._gallery_size:,} " + (
            "person" if self._gallery_size == 1 else "people"
        )
        if self._config.threshold:
            return f"Threshold set by hand; gallery of {people}."
        rate = f"about {self._config.fpir:.0%} of strangers get a name"
        if self._judge.calibrated:
            return f"Threshold calibrated for a gallery of {people}: {rate}."
        return f"Default threshold for {people}, not calibrated for this model."


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ToolkitError(
            f"{folder}: cannot be written ({error.strerror or error}). Check that the "
            "folder is writable and the disk is not full."
        ) from error
