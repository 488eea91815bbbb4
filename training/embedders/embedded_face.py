"""Embedders, faces with their embeddings, and what masked ones are compared with.

An unmasked face's embedding holds its mouth and chin too, which a masked face cannot
have. The mean with its embedding under a synthetic mask, the masked reference, comes
nearer to the person's masked faces and farther from those of others. On 1,201 people
held out of training that took the fraction of masked faces accepted at FAR 1e-3 from
.36 to .52 for dlib's untouched network (`docs/background/recipe.md`); the embedder that
ships has learnt most of it.

Chips are aligned, so the mask goes where an average face has it: no landmarks are
needed, and stored chips can be masked at any time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import AlignedFace
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import MaskSpec
from masking.rendering.render import render
from training.metrics.score_normalization import Cohort

# Name of dlib's network among the backbones.
DLIB_BACKBONE = "dlib"


class Embedder(Protocol):
    """A network that turns face chips into vectors, near for the same person.

    Attributes:
        fingerprint: hex SHA-256 of all that decides its output (weights, chip
            geometry) and distances; vectors of different ones are not compared.
        name: short name for tables and messages.
        dimension: D, length of an embedding.
        metric: how two embeddings are compared; "euclidean" means that the
            score is a distance and lower is closer.
        cohort: makes distances mean the same for every face; None = they are as
            they are.
        geometry: the chip it reads.
    """

    fingerprint: str
    name: str
    dimension: int
    metric: str
    cohort: Cohort | None
    geometry: ChipGeometry

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, D) float32 embeddings.

        Rows are independent of the batch they come in; N may be 0.
        """


def check_chips(chips: Image, geometry: ChipGeometry) -> None:
    """Raise ValueError unless chips are (N, 3, S, S) uint8 of this geometry."""
    side = geometry.size_px
    if chips.shape[1:] != (3, side, side) or chips.dtype != np.uint8:
        raise ValueError(
            f"expected (N, 3, {side}, {side}) uint8 chips, got {chips.shape} "
            f"{chips.dtype}"
        )


def weights_fingerprint(
    weights: Mapping[str, NDArray[Any]],
    geometry: ChipGeometry,
    flip_average: bool,
    backbone: str = DLIB_BACKBONE,
    cohort: Cohort | None = None,
) -> str:
    """Hex SHA-256 of all that decides embeddings and distances, whatever computes it.

    Args:
        weights: of the network by name, float32.
        backbone: its name in `backbones`.
    """
    digest = hashlib.sha256()
    settings = dataclasses.asdict(geometry) | {"flip_average": flip_average}
    # Left out where they are what they always were before they could be chosen, so
    # that older fingerprints stay true.
    settings = {n: v for n, v in settings.items() if v or n not in ("right", "down")}
    if backbone != DLIB_BACKBONE:
        settings["backbone"] = backbone
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name in sorted(weights):
        values = weights[name].astype("<f4")
        digest.update(f"\n{name} {values.shape}\n".encode())
        digest.update(values.tobytes())
    if cohort is not None:
        digest.update(
            f"\ncohort {cohort.members.shape} {cohort.mean_score!r}\n".encode()
        )
        digest.update(cohort.members.astype("<f4").tobytes())
    return digest.hexdigest()


_BLUE = (0.41, 0.68, 0.85)
_MASK = MaskSpec(
    kind="surgical",
    wearing_style="correct",
    rise=0.0,
    widen=0.0,
    hang=0.0,
    tilt_rad=0.0,
    colour=_BLUE,
    second=_BLUE,
    print_name="plain",
    print_pitch=0.1,
    print_rad=0.0,
    strap=(0.6, 0.6, 0.6),
    valve=False,
    wrinkle=0.4,
    gloss=1.0,
    seed=1,
)
# Face networks answer with norms of about 1 to 30; one whose weights are damaged with
# any number, whose square need not fit float32.
MAX_NORM = 1e6


def mask_identity() -> str:
    """Changes when the mask does: for what is kept of masked chips."""
    return repr(_MASK)


def under_mask(chips: Image, geometry: ChipGeometry) -> Image:
    """(N, 3, S, S) uint8 RGB unmasked chips with a mask over mouth and nose.

    Args:
        geometry: of the chips.
    """
    marks = Landmarks(geometry.targets())
    rendered = np.empty_like(chips)
    for number, chip in enumerate(chips):
        upright = np.ascontiguousarray(chip.transpose(1, 2, 0))
        rendered[number] = render(upright, marks, [_MASK]).pixels.transpose(2, 0, 1)
    return rendered


def masked_references(embedder: Embedder, chips: Image, unmasked: Float32) -> Float32:
    """(N, D) float32: what masked faces are compared with.

    Args:
        chips: (N, 3, S, S) uint8 RGB unmasked chips, as the embedder reads them.
        unmasked: (N, D) its embeddings of them.
    """
    under = embedder.embed(under_mask(chips, embedder.geometry))
    return np.asarray((unmasked + under) / np.float32(2), dtype=np.float32)


def embed_both(
    embedder: Embedder, chips: Image, unmasked: NDArray[np.bool_]
) -> tuple[Float32, list[Float32 | None]]:
    """What unmasked and what masked faces are compared with.

    Args:
        chips: (N, 3, S, S) uint8 RGB.
        unmasked: (N,) which of them wear no mask.

    Returns:
        (N, D) embeddings, and N rows of `masked_references`, None for masked chips.
    """
    embeddings = embedder.embed(chips)
    references: list[Float32 | None] = [None] * len(chips)
    rows = np.flatnonzero(unmasked)
    if len(rows):
        found = masked_references(embedder, chips[rows], embeddings[rows])
        for row, vector in zip(rows, found, strict=True):
            references[row] = vector
    return embeddings, references


def network_input(chips: Sequence[Image]) -> Image:
    """(S, S, 3) chips to (N, 3, S, S), as embedders read them."""
    return np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2))


@dataclass(frozen=True, eq=False)
class EmbeddedFace:
    """One aligned face and its embedding, checked.

    Attributes:
        face: what was embedded: its first crop.
        embedding: (D,) float32.
        masked: whether a mask is worn; None where nobody asked.
        masked_reference: (D,) float32 of an unmasked face, what masked ones are
            compared with (see `training.embedders.embedded_face`); None without.

    Raises:
        BadRecord: a vector is not finite, or of a norm above MAX_NORM.
    """

    face: AlignedFace
    embedding: Float32
    masked: bool | None = None
    masked_reference: Float32 | None = None

    def __post_init__(self) -> None:
        check_embedding(self.embedding, self.face.source)
        if self.masked_reference is not None:
            check_embedding(self.masked_reference, self.face.source)


def embed_faces(embedder: Embedder, faces: Sequence[AlignedFace]) -> list[EmbeddedFace]:
    """Embed faces as they are, as probes need it.

    Raises:
        BadRecord: an embedding is not finite, or of a norm above MAX_NORM.
    """
    if not faces:
        return []
    rows = embedder.embed(network_input([face.crop for face in faces]))
    return [EmbeddedFace(face, row) for face, row in zip(faces, rows, strict=True)]


def check_embedding(embedding: Float32, source: str) -> None:
    """Refuse a (D,) vector that is no embedding.

    Raises:
        BadRecord: not finite, or of a norm above MAX_NORM.
    """
    if not np.isfinite(embedding).all():
        raise BadRecord(
            f"{source}: its embedding is not finite. The photo or the model is "
            "damaged; try another of either."
        )
    # float64: the squares of large numbers overflow float32.
    if (norm := float(np.linalg.norm(embedding.astype(np.float64)))) > MAX_NORM:
        raise BadRecord(
            f"{source}: its embedding has norm {norm:g}, expected at most "
            f"{MAX_NORM:g}. The model is damaged; use another one."
        )
