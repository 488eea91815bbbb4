"""U-U and M-U figures on people held out of training: early news, not a test."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import DivergedTraining
from masking.landmarks import Float32
from masking.masks.spec import SpecConfig
from training.data.chip_dataset import Degradation
from training.data.chip_embeddings import embed_rows
from training.embedders.embedded_face import Embedder
from training.metrics.pairs import compare_between, compare_within
from training.metrics.score_normalization import EmbeddedFaces
from training.metrics.verification import tar_at_far

# Landmarks on masked faces are off by about this much.
_MISALIGNED = Degradation(
    turn_deg=2, scale=0.03, shift_px=1.5, stretch=0, coarse_fraction=0, jpeg_fraction=0
)
_SEED = 20
# Networks are trained to embeddings of about 1; some of others give 20.
_LARGEST = 1e6


@dataclass(frozen=True)
class ValidationFigures:
    """TAR (higher is better) at FAR 1e-2 and 1e-3, people weighted equally.

    U-U compares unmasked faces, M-U masked with unmasked, M-C masked ones with
    masked references, M-M masked with masked ones. Galleries compare as in U-U and M-C.
    """

    uu_1e2: float
    uu_1e3: float
    mu_1e2: float
    mu_1e3: float
    mc_1e2: float
    mc_1e3: float
    mm_1e3: float

    def to_json(self) -> dict[str, float]:
        """JSON-able record."""
        return asdict(self)


def validate(
    manifest: Manifest,
    rows: list[ManifestRow],
    embedder: Embedder,
    specs: SpecConfig,
    workers: int,
    seed: int = _SEED,
) -> ValidationFigures:
    """Compare all photos of these rows, unmasked and with one synthetic mask each.

    Args:
        seed: of the masks and of how the masked chips are misaligned.

    Raises:
        DivergedTraining: the embeddings are useless: too large, or no numbers.
    """
    names = sorted({row.identity for row in rows})
    people = np.array([names.index(row.identity) for row in rows], dtype=np.int32)
    photos = np.arange(len(rows), dtype=np.int32)
    embed = partial(embed_rows, manifest, rows, embedder, workers)
    unmasked = embed(label="validate unmasked")
    _check_size(unmasked)
    references = embed(label="validate references", masked_reference=True)
    masked = embed(
        masked_fraction=1.0,
        specs=specs,
        degradation=_MISALIGNED,
        seed=seed,
        label="validate masked",
    )
    unmasked_faces, masked_faces, reference_faces = (
        EmbeddedFaces(part, people, photos, embedder.cohort)
        for part in (unmasked, masked, references)
    )
    uu = compare_within(unmasked_faces)
    mu = compare_between(masked_faces, unmasked_faces)
    mc = compare_between(masked_faces, reference_faces)
    mm = compare_within(masked_faces)
    return ValidationFigures(
        tar_at_far(uu, 1e-2),
        tar_at_far(uu, 1e-3),
        tar_at_far(mu, 1e-2),
        tar_at_far(mu, 1e-3),
        tar_at_far(mc, 1e-2),
        tar_at_far(mc, 1e-3),
        tar_at_far(mm, 1e-3),
    )


def _check_size(embeddings: Float32) -> None:
    largest = float(np.abs(embeddings).max(initial=0))
    # Written this way round, one that is no number is refused too.
    if not largest <= _LARGEST:
        raise DivergedTraining(
            f"the network makes numbers of up to {largest:.0e} of faces, about 1 was "
            "expected: the last whole epoch before is kept. Run again with a lower "
            "--learning-rate."
        )
