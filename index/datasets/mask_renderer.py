"""Renders test masks on photographs: one a photograph, drawn from seed and name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from masking.faces.finder import unmasked_predictor
from masking.landmarks import Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render

ALL_KINDS = "all"


@dataclass(frozen=True)
class MaskRenderer:
    """Masks of the tool's own engine.

    Attributes:
        seed: of the masks; the mask of a photograph depends on it and the name.
        config: which masks are drawn.
    """

    seed: int
    config: SpecConfig

    def specs(self, name: str) -> tuple[MaskSpec, ...]:
        """What one photograph's face wears."""
        return draw_specs(sample_rng(self.seed, name), self.config)

    def kind(self, name: str) -> str:
        """Kind of the mask of one photograph."""
        return self.specs(name)[0].kind

    def wearing_style(self, name: str) -> str:
        """How the mask of one photograph is worn."""
        return self.specs(name)[0].wearing_style

    def render(self, image: Image, landmarks: Landmarks, name: str) -> Image:
        """The (H, W, 3) uint8 RGB picture with the mask on the face.

        Raises:
            NoFace: the landmarks lie outside of the picture.
        """
        # The landmarks of a finder of masked faces are exact at the eyes only.
        exact = _predictor().predict(image, landmarks.points)
        return render(image, exact, self.specs(name)).pixels


_predictor = cache(unmasked_predictor)


def mask_renderer(seed: int, kinds: str) -> MaskRenderer:
    """The renderer of the named kinds, separated by commas, or of ALL_KINDS.

    Raises:
        InvalidConfig: a kind that the engine does not render.
    """
    if kinds == ALL_KINDS:
        return MaskRenderer(seed, SpecConfig())
    wanted = tuple(kind.strip() for kind in kinds.split(","))
    return MaskRenderer(seed, SpecConfig(kinds=wanted))
