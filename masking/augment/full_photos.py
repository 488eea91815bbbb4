"""Whole photographs: masks on several faces, and files of the source's quality."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from masking.datasets.images import encode_image, opened
from masking.errors import NoFace
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import MaskSpec
from masking.rendering.render import PARTS, MaskedSample, photo_look, render

# Colours of the parts, (R, G, B): none, fabric, strap, valve, visor, occluder.
_PART_COLOURS = (
    *(0, 0, 0),
    *(86, 180, 233),
    *(230, 159, 0),
    *(0, 158, 115),
    *(240, 228, 66),
    *(204, 121, 167),
)


@dataclass(frozen=True)
class PhotoFormat:
    """How a masked photograph is written.

    Attributes:
        suffix: ".jpg" or ".png".
        tables: the source's quantisation tables, 64 numbers each; empty = quality 95.
        subsampling: of colour, as Pillow counts: 0 none, 1 half across, 2 both ways.
        colour_profile: ICC profile of the pixels; empty = sRGB.
    """

    suffix: str
    tables: list[list[int]] = field(default_factory=list)
    subsampling: int = 0
    colour_profile: bytes = b""


def format_of(data: bytes) -> PhotoFormat:
    """JPEG as the source's own for a JPEG, else PNG.

    Args:
        data: a file that `decode_rgb` has read.
    """
    with opened(data) as picture:
        profile = picture.info.get("icc_profile") or b""
        if not isinstance(picture, JpegImagePlugin.JpegImageFile):
            return PhotoFormat(".png", colour_profile=_of_rgb(picture, profile))
        # The tables of a CMYK file are of ink, not of brightness and colour.
        if picture.mode not in ("RGB", "L"):
            return PhotoFormat(".jpg")
        tables = [list(table) for _, table in sorted(picture.quantization.items())]
        # -1 is a scheme that cannot be written: keep all colour then.
        sampling = max(0, int(JpegImagePlugin.get_sampling(picture)))
        return PhotoFormat(".jpg", tables, sampling, _of_rgb(picture, profile))


def _of_rgb(picture: Pillow.Image, profile: bytes) -> bytes:
    """The profile of a colour picture; one of grey or ink does not fit ours."""
    return profile if picture.mode in ("RGB", "RGBA", "P") else b""


def encode_photo(pixels: Image, target: PhotoFormat) -> bytes:
    """An (H, W, 3) uint8 RGB picture as the bytes of a file."""
    buffer, picture = io.BytesIO(), Pillow.fromarray(pixels)
    profile = target.colour_profile or None
    if target.suffix == ".png":
        picture.save(buffer, "PNG", compress_level=3, icc_profile=profile)
    elif target.tables:
        picture.save(
            buffer,
            "JPEG",
            qtables=target.tables,
            subsampling=target.subsampling,
            icc_profile=profile,
        )
    else:
        picture.save(buffer, "JPEG", quality=95, subsampling=0, icc_profile=profile)
    return buffer.getvalue()


def render_faces(
    pixels: Image,
    faces: Sequence[tuple[Landmarks, Sequence[MaskSpec]]],
    light: float = 1.0,
) -> tuple[MaskedSample, list[str]]:
    """Render what several faces of one photograph wear.

    Args:
        pixels: (H, W, 3) uint8 RGB, left as it is.
        faces: landmarks in its px, and what to render there.
        light: on what is worn, relative to the photograph's own; above 0.

    Returns:
        The photograph with all masks, their alpha and parts; and one reason for
        each face: why nothing was rendered, else "".
    """
    height, width = pixels.shape[:2]
    alpha: Float32 = np.zeros((height, width), np.float32)
    parts = np.zeros((height, width), np.uint8)
    rendered: list[MaskSpec] = []
    reasons = [""] * len(faces)
    # Small faces are far away: what near ones wear is rendered over them.
    order = sorted(range(len(faces)), key=lambda i: faces[i][0].interocular_px)
    for index in order:
        landmarks, specs = faces[index]
        try:
            look = photo_look(pixels, landmarks)
            lit = replace(look, light=look.light * np.float32(light))
            sample = render(pixels, landmarks, specs, lit, behind_hair=True)
        except NoFace as error:
            reasons[index] = str(error)
            continue
        pixels = sample.pixels
        alpha = 1 - (1 - alpha) * (1 - sample.alpha)
        parts = np.where(sample.parts > 0, sample.parts, parts)
        rendered += sample.specs
    return MaskedSample(pixels, alpha, parts, tuple(rendered)), reasons


def encode_alpha(alpha: Float32) -> bytes:
    """(H, W) in [0, 1] as an 8-bit grey PNG, 0 to 255."""
    return encode_image(np.rint(alpha * 255).astype(np.uint8), ".png")


def encode_parts(parts: Image) -> bytes:
    """(H, W) indices into PARTS as an indexed PNG: the indices are its pixels."""
    picture = Pillow.fromarray(parts, "L")
    picture.putpalette(_PART_COLOURS[: 3 * len(PARTS)])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
