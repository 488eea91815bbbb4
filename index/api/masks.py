"""Masks on pictures for programs: as a function, and as a transform of pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image as Pillow

from index.api.pictures import checked_picture
from masking.augment.photo_step import render_faces
from masking.errors import InvalidConfig
from masking.faces.finder import FaceFinder, unmasked_finder
from masking.landmarks import Image
from masking.masks.spec import MASKS, MaskSpec, SpecConfig, draw_specs
from masking.rendering.render import MaskedSample

__all__ = ["MaskFaces", "MaskSpec", "MaskedSample", "render_masks"]


def render_masks(
    picture: Image, kinds: Sequence[str] = MASKS, seed: int = 0
) -> MaskedSample:
    """Render a mask on every face of a picture.

    Args:
        picture: (H, W, 3) uint8 RGB; left as it is.
        kinds: of "surgical", "cloth", "ffp2", "kn95", "duckbill", "gaiter", "shield";
            all but the shield by default.
        seed: the same one gives the same pixels.

    Returns:
        `pixels` (H, W, 3) uint8 RGB; `alpha` (H, W) float32 in [0, 1], how much of each
        pixel is mask (its shadow falls beyond); `parts` (H, W) uint8, 1 fabric,
        2 strap, 3 valve, 4 visor; `specs`, one for each mask: () without a face.

    Raises:
        InvalidConfig: no such kind, or another shape or type.

    >>> from index.api.pictures import read_picture, sample_people
    >>> picture = read_picture(sample_people() / "Person_07" / "1.jpg")
    >>> masked = render_masks(picture, ["surgical"])
    >>> masked.pixels.shape == picture.shape
    True
    >>> [spec.kind for spec in masked.specs]
    ['surgical']
    >>> bool(0.03 < masked.alpha.mean() < 0.5)
    True
    """
    config, rng = SpecConfig(tuple(kinds)), np.random.default_rng(seed)
    picture = checked_picture(picture)
    found = _unmasked_finder().find(picture)
    worn = [(face.landmarks, draw_specs(rng, config)) for face in found]
    return render_faces(picture, worn)[0]


class MaskFaces:
    """A transform of pipelines: a mask on every face of a picture.

    Stands in `torchvision.transforms.v2.Compose` before what makes floats of pixels,
    and is called as Albumentations calls: `transform(image=picture)["image"]`. Takes
    and gives (H, W, 3) or (N, H, W, 3) uint8 arrays, (3, H, W) or (N, 3, H, W) uint8
    tensors, or Pillow's pictures; labels beside the picture pass through.

    Draws from torch's generator, as torchvision does: `torch.manual_seed` repeats it,
    and the workers of a DataLoader differ.

    Args:
        kinds: as in `render_masks`.
        p: probability in [0, 1] that a picture gets masks.

    Raises:
        InvalidConfig: no such kind, or p outside of [0, 1].

    >>> import numpy as np
    >>> from index.api.pictures import read_picture, sample_people
    >>> picture = read_picture(sample_people() / "Person_07" / "1.jpg")
    >>> batch = MaskFaces(["ffp2"])(np.stack([picture, picture]))
    >>> batch.shape == (2, *picture.shape)
    True
    >>> MaskFaces(p=0)(image=picture)["image"] is picture
    True
    """

    def __init__(self, kinds: Sequence[str] = MASKS, p: float = 1.0):
        if not 0 <= p <= 1:
            raise InvalidConfig(f"p must be at least 0 and at most 1, got {p}")
        SpecConfig(tuple(kinds))
        self._kinds, self._p = tuple(kinds), p

    def __repr__(self) -> str:
        return f"MaskFaces(kinds={self._kinds}, p={self._p})"

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The picture, masked; with labels or names as they were given.

        Albumentations' `Lambda` gives the picture alone and names what it tells of it.
        """
        if not inputs:
            return named | {"image": self._masked(named["image"])}
        picture, *others = inputs
        masked = self._masked(picture)
        return (masked, *others) if others else masked

    def _masked(self, picture: Any) -> Any:
        """The same type as was given."""
        import torch
        from torchvision import tv_tensors

        if isinstance(picture, tv_tensors.TVTensor):
            plain = self._masked(picture.as_subclass(torch.Tensor))
            return tv_tensors.wrap(plain, like=picture)
        if isinstance(picture, Pillow.Image):
            return Pillow.fromarray(self._masked(np.array(picture.convert("RGB"))))
        if getattr(picture, "ndim", 0) == 4:
            stack: Any = torch.stack if torch.is_tensor(picture) else np.stack
            return stack([self._masked(one) for one in picture])
        if torch.rand(()) >= self._p:
            return picture
        if not torch.is_tensor(picture):
            return render_masks(picture, self._kinds, _drawn_seed()).pixels
        array = np.ascontiguousarray(picture.cpu().movedim(0, -1).numpy())
        pixels = render_masks(array, self._kinds, _drawn_seed()).pixels
        return torch.from_numpy(pixels).movedim(-1, 0).to(picture.device)


@cache
def _unmasked_finder() -> FaceFinder:
    """One a process."""
    return unmasked_finder()


def _drawn_seed() -> int:
    import torch

    return int(torch.randint(2**31, ()))
