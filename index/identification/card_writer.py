"""Writes the cards of answers: one a face, and one of a photo with several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from index.calibration.calibration import Decision
from index.identification.cards.occlusion_map import occlusion_heat
from index.identification.cards.overview_card import OverviewFace, draw_overview
from index.identification.cards.result_card import CardContent, draw_card
from index.identification.probes import Probe
from index.identification.recogniser import Recogniser
from masking.datasets.images import write_image
from masking.errors import MissingInput, ToolkitError
from masking.files.private_folder import private_folder
from training.embedders.protocol import Embedder

# File systems allow names of 255 bytes; a letter takes up to four.
_STEM_LETTERS = 40


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
        probe: Probe,
        face: int,
        decision: Decision,
        part: str,
        circumstances: str,
    ) -> Path:
        """The card of one face; gives its path.

        Args:
            part: which card of the probe it is, for the file's name.
            circumstances: a line for the card.

        Raises:
            ToolkitError: it cannot be written.
        """
        path = self.out / f"{card_stem(probe.path)}-{probe.token}-{part}.png"
        embedding = probe.embeddings[face]
        heat = None
        if self.heatmap and decision.matches:
            # Removed in this moment by another process: nothing to explain.
            with suppress(MissingInput):
                person = self.recogniser.template(decision.matches[0])
                heat = occlusion_heat(probe.chips[face], person, self.embedder)
        state = decision.mask_state
        content = CardContent(
            photo=probe.image,
            photo_name=probe.path.name,
            boxes=probe.boxes,
            face=face,
            chip=probe.chip(face),
            name=decision.name,
            candidates=tuple(self.recogniser.candidates(decision, embedding)),
            threshold=decision.threshold,
            metric=decision.metric,
            note=self.recogniser.note(),
            circumstances=circumstances,
            probability=decision.probability,
            margin=decision.margin,
            mask=state.label if state else "",
            heat=heat,
        )
        with writing(self.out):
            write_image(private_folder(self.out) / path.name, draw_card(content))
        return path

    def write_overview(self, probe: Probe, decisions: Sequence[Decision]) -> Path:
        """The card of all faces of a photo; gives its path.

        Raises:
            ToolkitError: it cannot be written.
        """
        path = self.out / f"{card_stem(probe.path)}-{probe.token}-all.png"
        faces = [
            OverviewFace(
                probe.boxes[face],
                probe.chip(face),
                decision.name,
                decision.matches[0].name if decision.matches else "",
                decision.matches[0].distance if decision.matches else 0.0,
                decision.probability,
            )
            for face, decision in enumerate(decisions)
        ]
        card = draw_overview(
            probe.image, probe.path.name, self.recogniser.note(), faces
        )
        with writing(self.out):
            write_image(private_folder(self.out) / path.name, card)
        return path


def card_stem(path: Path) -> str:
    """The start of a card's file name: what is plain of the probe's."""
    stem = path.stem[:_STEM_LETTERS].encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() and c != "?" else "_" for c in stem)


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
