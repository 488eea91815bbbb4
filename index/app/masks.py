"""Masks on the photos of the local page."""

from __future__ import annotations

import dataclasses
import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from index.app.models import Models
from index.app.uploads import Upload
from masking.augment.photo_step import (
    encode_alpha,
    encode_parts,
    encode_photo,
    format_of,
    render_faces,
)
from masking.datasets.images import decode_rgb, encode_image, file_sha256
from masking.errors import InvalidConfig, NoFace
from masking.landmarks import Image, Landmarks
from masking.masks.colours import LINEAR
from masking.masks.spec import (
    KINDS,
    OCCLUDERS,
    PRINTS,
    RIGID_STYLES,
    WEARING_STYLES,
    MaskSpec,
    SpecConfig,
    draw_occluder,
    draw_specs,
    sample_rng,
)
from masking.rendering.render import MaskedSample

# Every mask is worn wrongly in some way.
_ALL_WRONG = 4.0
# Photos whose faces are remembered: all masks of one photo are asked for in a row.
_PHOTOS = 8
# Period of a print, face squares; in that of a picture it stands twice, mirrored.
_PITCH, _LETTERS_PITCH, _PICTURE_PITCH = 0.12, 0.3, 1.2
_PRINTS = [name for name in PRINTS if name != "image"]
_UNPRINTED = ("shield", "sunglasses", "hand")
_DARK, _BRIGHT = (0.03, 0.03, 0.03), (0.8, 0.8, 0.8)
_DIMMEST, _BRIGHTEST = 0.25, 4.0


@dataclasses.dataclass(frozen=True)
class Worn:
    """What all faces of a photo wear.

    Attributes:
        kind: one of KINDS or OCCLUDERS.
        wearing_style: one that the kind has.
        colour: "#rrggbb" in sRGB; "" for one that shops sell.
        print_name: one of PRINTS but "image"; "" for what shops sell. What is no
            fabric has none.
        texture: the picture that is the print, instead of `print_name`.
        light: on what is worn, relative to the photo's own.
        seed: decides what is left open.
    """

    kind: str = "surgical"
    wearing_style: str = "correct"
    colour: str = ""
    print_name: str = ""
    texture: Upload | None = None
    light: float = 1.0
    seed: int = 0

    def spec(self) -> MaskSpec:
        """The mask or occluder; its texture is named as the upload is.

        Raises:
            InvalidConfig: an unknown kind, wearing style or print, what is no colour,
                a seed below 0, or a light outside [0.25, 4].
            UnreadableImage: the texture is no picture.
        """
        if not _DIMMEST <= self.light <= _BRIGHTEST:
            raise InvalidConfig(
                f"light must be in [{_DIMMEST}, {_BRIGHTEST:g}], got {self.light}."
            )
        spec = mask_spec(self.kind, self.wearing_style, self.colour, self.seed)
        if self.kind in _UNPRINTED:
            return spec
        if self.texture:
            data = self.texture.photo_bytes()
            decode_rgb(data, self.texture.name)
            return dataclasses.replace(
                spec,
                print_name="image",
                print_pitch=_PICTURE_PITCH,
                texture=self.texture.name,
                texture_sha256=file_sha256(data),
            )
        return _printed(spec, self.print_name) if self.print_name else spec


def mask_choices() -> dict[str, Any]:
    """By kind of mask or occluder the ways in which it can be worn; and the prints."""
    styles = dict.fromkeys(KINDS, WEARING_STYLES) | {"shield": RIGID_STYLES}
    found = styles | dict.fromkeys(OCCLUDERS, WEARING_STYLES[:1])
    kinds = {kind: [*ways] for kind, ways in found.items()}
    return {"kinds": kinds, "prints": _PRINTS}


class Masks:
    """Renders masks on photos; finds the faces of a photo once."""

    def __init__(self, models: Models, folder: Path):
        """
        Args:
            folder: for a texture while it is rendered; private to this account.
        """
        self._models, self._folder = models, folder
        self._found: OrderedDict[str, list[Landmarks]] = OrderedDict()

    def masked_png(self, upload: Upload, worn: Worn) -> bytes:
        """The photo with a mask on every face, as the bytes of a PNG.

        Raises:
            UnreadableImage: it is no photo.
            NoFace: none was found in it.
            InvalidConfig, UnreadableImage: as `Worn.spec`.
        """
        return encode_image(self._rendered(upload, worn)[0].pixels, ".png")

    def masked_files(
        self, upload: Upload, worn: Worn, stem: str, layers: bool
    ) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Files by name, and their label.

        The photo is of its own format and quality; with `layers` there are its alpha
        (grey PNG) and its parts (indexed PNG), as `augment` writes them.

        Raises:
            NoFace, UnreadableImage, InvalidConfig: as `masked_png`.
        """
        sample, faces = self._rendered(upload, worn)
        target = format_of(upload.data)
        names = {"masked": f"{stem}{target.suffix}"}
        files = {names["masked"]: encode_photo(sample.pixels, target)}
        if layers:
            names |= {"alpha": f"{stem}.alpha.png", "parts": f"{stem}.parts.png"}
            files[names["alpha"]] = encode_alpha(sample.alpha)
            files[names["parts"]] = encode_parts(sample.parts)
        label = {
            "photo": upload.name,
            "sha256": file_sha256(upload.data),
            "light": worn.light,
            "spec": worn.spec().to_json(),
            "landmarks": [np.round(face.points, 2).tolist() for face in faces],
        }
        return files, label | names

    def _rendered(
        self, upload: Upload, worn: Worn
    ) -> tuple[MaskedSample, list[Landmarks]]:
        spec = worn.spec()
        image = decode_rgb(upload.photo_bytes(), upload.name)
        faces = self._faces(image, file_sha256(upload.data))
        if not faces:
            raise NoFace(f"{upload.name}: no face found.")
        with self._texture_file(spec, worn.texture) as drawn:
            wearers = [(face, [drawn]) for face in faces]
            sample, reasons = render_faces(image, wearers, worn.light)
        if all(reasons):
            raise NoFace(f"{upload.name}: {reasons[0]}")
        return sample, faces

    def _faces(self, image: Image, sha256: str) -> list[Landmarks]:
        if sha256 not in self._found:
            faces = self._models.unmasked_finder.find(image)
            self._found[sha256] = [face.landmarks for face in faces]
            if len(self._found) > _PHOTOS:
                self._found.popitem(last=False)
        return self._found[sha256]

    @contextmanager
    def _texture_file(
        self, spec: MaskSpec, texture: Upload | None
    ) -> Iterator[MaskSpec]:
        """The spec as it is rendered: textures are read from files alone."""
        if not texture or not spec.texture:
            yield spec
            return
        # Named by what it holds: what was read of it is remembered by name.
        path = self._folder / f"{spec.texture_sha256}.texture"
        path.write_bytes(texture.data)
        try:
            yield dataclasses.replace(spec, texture=str(path))
        finally:
            path.unlink()


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


def _printed(spec: MaskSpec, print_name: str) -> MaskSpec:
    """With a print that stands out from the fabric."""
    if print_name not in _PRINTS:
        raise InvalidConfig(
            f"unknown print {print_name[:40]!r}, expected one of {', '.join(_PRINTS)}."
        )
    second = _BRIGHT if sum(spec.colour) / 3 < 0.3 else _DARK
    pitch = _LETTERS_PITCH if print_name == "blocks" else _PITCH
    return dataclasses.replace(
        spec, print_name=print_name, print_pitch=pitch, second=second
    )


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
