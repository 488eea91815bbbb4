"""Are two photographs of one person? One is enrolled for a moment, the other asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from index.calibration.calibration import Decision
from index.enrollment.faces import NamedFace
from index.enrollment.stage import enroll_faces
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.gallery.storage.database import FILE_NAME
from index.gallery.workspace_traces import ANSWERS, GALLERY
from index.identification.answers import (
    MATCH,
    NO_FACE,
    UNREADABLE,
    Answer,
    answer_record,
    score_in_words,
    status_of,
)
from index.identification.cards.canvas import percent
from index.identification.config import IdentifyConfig
from index.identification.stage import Identifier, card_token
from masking.datasets.images import read_bytes
from masking.errors import BadRecord, UnreadableImage
from masking.faces.finder import AlignedPhoto, Finder, PhotoFile, read_faces
from masking.files.text import read_table, shown
from masking.files.writing import strict_json
from training.embedders.embedded_face import Embedder, embed_faces, network_input
from training.embedders.mask_classifier import mask_states

Pair = tuple[Path, Path]

COLUMNS = ("file_a", "file_b")
_NAME_LETTERS = 60


def read_pairs(table: Path) -> list[Pair]:
    """The pairs of a CSV of two columns; a header names them file_a and file_b.

    Files are relative to the table's folder.

    Raises:
        MissingInput: no such file.
        BadRecord: no table, or a row without two files.
    """
    pairs = []
    for where, row in read_table(table, COLUMNS, headless=True):
        if not all(row.values()):
            raise BadRecord(f"{where}: expected two files, one a column.")
        pairs.append((table.parent / row["file_a"], table.parent / row["file_b"]))
    if not pairs:
        raise BadRecord(f"{table}: holds no pair. Expected two files a line.")
    return pairs


class Verifier:
    """An embedder and a finder, ready for any number of pairs."""

    def __init__(
        self,
        workspace: Path,
        embedder: Embedder,
        finder: Finder,
        config: IdentifyConfig,
    ):
        """
        Args:
            workspace: gets the cards; the calibration of its gallery counts, if that
                is of the same embedder.
        """
        self._out, self._embedder = workspace / ANSWERS, embedder
        self._finder, self._config = finder, replace(config, engine="exact", top_k=1)
        self._calibration = _calibration_of(workspace / GALLERY, embedder)

    def verify(self, pair: Pair, read: Callable[[Path], bytes] = read_bytes) -> Answer:
        """Whether both photographs show one person, each by its most prominent face.

        The status is MATCH where they do; the name is that of the photo which the
        other was compared with. A photo that cannot be used is an answer, too.

        Args:
            read: gives the bytes of a photograph.

        Raises:
            ToolkitError: the card cannot be written.
        """
        try:
            first, second = (self._faces(path, read) for path in pair)
        except (UnreadableImage, BadRecord) as error:
            return Answer(pair[1], UNREADABLE, str(error))
        for photo in (first, second):
            if not photo.faces:
                return Answer(Path(photo.source), NO_FACE, photo.prominent.failure)
        if self._is_masked(first) and not self._is_masked(second):
            # A masked face is compared with an unmasked one, never the reverse: for
            # unmasked ones there is a reference as if masked.
            first, second = second, first
        return self._compared(first, second)

    def _compared(self, known: AlignedPhoto, probe: AlignedPhoto) -> Answer:
        with TemporaryDirectory(prefix="pair-") as folder:
            path = Path(folder) / GALLERY
            with open_or_create_gallery(path, self._embedder) as gallery:
                if self._calibration:
                    gallery.set_calibration(self._calibration)
                name = shown(Path(known.source).name)[-_NAME_LETTERS:]
                enroll_faces(
                    gallery, self._embedder, [NamedFace(name, known.prominent)]
                )
                identifier = Identifier(
                    gallery, self._embedder, self._finder, self._out, self._config
                )
                (face,) = embed_faces(self._embedder, [probe.prominent])
                decision = identifier.recogniser.decide(face)
                ending = f"{card_token(known)}-{card_token(probe)}-face1"
                card = None
                if self._config.cards:
                    card = identifier.cards.write_face(
                        probe, 0, face, decision, ending, "two photographs", pair=True
                    )
        answer = Answer(
            Path(probe.source),
            status_of(decision),
            face=1,
            faces=len(probe.faces),
            box=probe.faces[0].box,
            decision=decision,
            card=card,
        )
        # With the others: an erasure finds the card by the photographs' hashes.
        identifier.record([answer])
        return answer

    def _faces(self, path: Path, read: Callable[[Path], bytes]) -> AlignedPhoto:
        file = PhotoFile(str(path), read(path))
        return read_faces(file, self._finder, [self._embedder.geometry])

    def _is_masked(self, photo: AlignedPhoto) -> bool:
        crop = network_input([photo.prominent.crop])
        return mask_states(crop, self._embedder.geometry)[0].is_masked


def _calibration_of(folder: Path, embedder: Embedder) -> str:
    if not (folder / FILE_NAME).is_file():
        return ""
    with open_gallery(folder) as gallery:
        same = gallery.fingerprint == embedder.fingerprint
        return gallery.calibration_json if same else ""


def verification_line(pair: Pair, answer: Answer) -> str:
    """The answer in one line for people."""
    decision = answer.decision
    if decision is None:
        return answer.reason
    verdict = "same person" if answer.status == MATCH else "different people"
    odds = "" if decision.probability is None else probability_of_one(decision)
    return f"{pair[0]}, {pair[1]}: {verdict}{odds} ({score_in_words(decision)})"


def probability_of_one(decision: Decision) -> str:
    """As a part of a sentence, of whether two photographs show one person."""
    odds = f"probability {percent(decision.probability or 0.0)}"
    return f", {odds}" if decision.names else f", {odds} that it is one"


def verification_record(pair: Pair, answer: Answer) -> str:
    """The answer as one line of JSON: file_a, file_b, same, and that of `identify`."""
    record = json.loads(answer_record(answer))
    same = None if answer.decision is None else answer.status == MATCH
    files = {"file_a": str(pair[0]), "file_b": str(pair[1]), "same": same}
    return strict_json(files | record)
