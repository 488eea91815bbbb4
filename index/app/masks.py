"""Masks on the photos of the local page."""

from __future__ import annotations

import dataclasses
import re
from collections import OrderedDict

from index.app.models import Models
from index.app.uploads import Upload
from masking.datasets.image_decoding import decode_rgb
from masking.datasets.images import encode_image, file_sha256
from masking.errors import InvalidConfig, NoFace
from masking.landmarks import Image, Landmarks
from masking.masks.colours import LINEAR
from masking.masks.spec import (
    KINDS,
    OCCLUDERS,
    RIGID_STYLES,
    WEARING_STYLES,
    MaskSpec,
    SpecConfig,
    draw_occluder,
    draw_specs,
    sample_rng,
)
from masking.rendering.render import render

# Every mask is worn wrongly in some way.
_ALL_WRONG = 4.0
# Photos whose faces are remembered: all masks of one photo are asked for in a row.
_PHOTOS = 8


def mask_choices() -> dict[str, list[str]]:
    """The ways in which each kind of mask, and each occluder, can be worn."""
    styles = dict.fromkeys(KINDS, WEARING_STYLES) | {"shield": RIGID_STYLES}
    found = styles | dict.fromkeys(OCCLUDERS, WEARING_STYLES[:1])
    return {kind: [*ways] for kind, ways in found.items()}


class Masks:
    """Renders masks on photos; finds the faces of a photo once."""

    def __init__(self, models: Models):
        self._models = models
        self._found: OrderedDict[str, list[Landmarks]] = OrderedDict()

    def masked_png(
        self, upload: Upload, kind: str, wearing_style: str, colour: str, seed: int
    ) -> bytes:
        """The photo with a mask on every face, as the bytes of a PNG.

        Args:
            colour: "#rrggbb" in sRGB; "" for one that shops sell.

        Raises:
            UnreadableImage: it is no photo.
            NoFace: none was found in it.
            InvalidConfig: no such kind, wearing style or colour.
        """
        spec = mask_spec(kind, wearing_style, colour, seed)
        image = decode_rgb(upload.photo_bytes(), upload.name)
        faces = self._faces(image, file_sha256(upload.data))
        if not faces:
            raise NoFace(f"{upload.name}: no face found.")
        for landmarks in faces:
            image = render(image, landmarks, [spec]).pixels
        return encode_image(image, ".png")

    def _faces(self, image: Image, sha256: str) -> list[Landmarks]:
        if sha256 not in self._found:
            faces = self._models.unmasked_finder.find(image)
            self._found[sha256] = [face.landmarks for face in faces]
            if len(self._found) > _PHOTOS:
                self._found.popitem(last=False)
        return self._found[sha256]


def mask_spec(kind: str, wearing_style: str, colour: str, seed: int) -> MaskSpec:
    """A mask or occluder of a kind, worn in a way; the seed decides what is left open.

    Raises:
        InvalidConfig: an unknown kind or wearing style, a seed below 0, or what is no
            colour.
    """
    if seed < 0:
        raise InvalidConfig(f"seed must be at least 0, got {seed}.")
    if kind in OCCLUDERS and wearing_style == "correct":
        spec = draw_occluder(sample_rng(seed, kind), kind)
    else:
        spec = _worn(kind, wearing_style, seed)
    if not colour:
        return spec
    return dataclasses.replace(spec, colour=_linear(colour), print_name="plain")


def _worn(kind: str, wearing_style: str, seed: int) -> MaskSpec:
    strength = 0.0 if wearing_style == "correct" else _ALL_WRONG
    config = SpecConfig(kinds=(kind,), wrongly_worn=strength)
    draws = (
        draw_specs(sample_rng(seed, f"{kind} {number}"), config)[0]
        for number in range(200)
    )
    spec = next((spec for spec in draws if spec.wearing_style == wearing_style), None)
    if spec is None:
        raise InvalidConfig(
            f"a {kind} mask cannot be worn {wearing_style!r}; try another way."
        )
    return spec


def _linear(colour: str) -> tuple[float, float, float]:
    """Reflectance in linear light of an sRGB colour, as a page states it."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise InvalidConfig(f"{colour[:40]!r} is no colour; expected #rrggbb.")
    red, green, blue = (float(LINEAR[value]) for value in bytes.fromhex(colour[1:]))
    return red, green, blue
