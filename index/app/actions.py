"""What the local page does, without any of its looks."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

from index.enrollment.stage import enroll
from index.gallery.erasure import erase_people
from index.gallery.gallery import Gallery, open_gallery, open_or_create_gallery
from index.gallery.storage.database import FILE_NAME
from index.identification.answers import answer_line
from index.identification.config import IdentifyConfig
from index.identification.stage import identify
from masking.datasets.images import read_rgb
from masking.errors import InvalidConfig, MissingInput, NoFace
from masking.faces.finder import FaceFinder, default_finder, unmasked_finder
from masking.landmarks import Image
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from training.embedders.protocol import Embedder

# As CSS states colours; a mask is opaque, so the fraction after them is left out.
_NUMBER = r"\s*([0-9]{1,3}(?:\.[0-9]*)?)\s*"
_RGB = re.compile(
    rf"rgba?\({_NUMBER},{_NUMBER},{_NUMBER}(?:,\s*(?:[0-9]*\.)?[0-9]+%?\s*)?\)"
)
# Every mask is worn wrongly in some way.
_ALL_WRONG = 4.0


@dataclass(frozen=True)
class PageAnswer:
    """What is shown for a probe.

    Attributes:
        lines: one for each face.
        cards: files of the cards, that of all faces first.
    """

    lines: tuple[str, ...]
    cards: tuple[Path, ...]


class AppActions:
    """Identify, enroll, list and remove people, and render masks, one at a time."""

    def __init__(self, workspace: Path, embedder: Embedder):
        self._gallery = workspace / "gallery"
        self._out = workspace / "identified"
        self._embedder = embedder
        # dlib's models and the gallery's file are used by one request at a time.
        self._one_by_one = Lock()

    def identify(self, photo: Path | None, heatmap: bool) -> PageAnswer:
        """Who is in a photo.

        Raises:
            MissingInput: no photo was given, or nobody is enrolled.
        """
        photos = [photo] if photo else []
        config = IdentifyConfig(heatmap=heatmap)
        with self._one_by_one, open_gallery(self._gallery) as gallery:
            answers = list(
                identify(
                    photos, gallery, self._embedder, self._finder, self._out, config
                )
            )
        lines = tuple(
            answer_line(dataclasses.replace(answer, photo=Path(answer.photo.name)))
            for answer in answers
        )
        overviews = (answer.overview for answer in answers)
        cards = (answer.card for answer in answers)
        found = dict.fromkeys(itertools.chain(overviews, cards))
        return PageAnswer(lines, tuple(card for card in found if card))

    def enroll(self, name: str, photos: Sequence[Path]) -> str:
        """Add a person or photos of one; says what became of each photo.

        Raises:
            ToolkitError: nothing could be enrolled; says why.
        """
        with self._one_by_one, self._open_or_create() as gallery:
            report = enroll(name, photos, gallery, self._embedder, self._finder)
        lines = [f"{name}: {len(report.added)} photos added"]
        if report.known:
            lines.append(f"{len(report.known)} already enrolled")
        lines += [f"skipped: {reason}" for reason in report.failures.values()]
        lines += [
            f"look again: {Path(photo).name} is {distance:.2f} from the other photos"
            for photo, distance in report.unlike.items()
        ]
        return "\n".join(lines)

    def people(self) -> list[tuple[str, int, str]]:
        """Name, photos and day of everybody, by name; none before the first one."""
        if not (self._gallery / FILE_NAME).exists():
            return []
        with self._one_by_one, open_gallery(self._gallery) as gallery:
            return [
                (person.name, person.photo_count, person.created[:10])
                for person in gallery.people()
            ]

    def remove(self, name: str, certain: bool) -> str:
        """Erase a person; says what was erased.

        Raises:
            InvalidConfig: the removal was not confirmed.
            MissingInput: nobody has that name.
        """
        if not name:
            raise MissingInput("no person was chosen.")
        if not certain:
            raise InvalidConfig(
                f"{name} was not removed: confirm it first, it cannot be undone."
            )
        with self._one_by_one, open_gallery(self._gallery) as gallery:
            erasure = erase_people(gallery.store, [name])
        lines = [f"{name} and {erasure.photos} photos were erased."]
        return "\n".join(lines + [f"left: {line}" for line in erasure.left])

    def mask(
        self, photo: Path | None, kind: str, wearing_style: str, colour: str, seed: int
    ) -> Image:
        """The (H, W, 3) uint8 RGB photo with a mask on every face.

        Args:
            colour: "#rrggbb" or "rgb(r, g, b)" in sRGB; "" for one that shops sell.

        Raises:
            MissingInput: no photo was given.
            NoFace: none was found in it.
        """
        if photo is None:
            raise MissingInput("no photograph was given.")
        image = read_rgb(photo)
        with self._one_by_one:
            faces = self._unmasked_finder.find(image)
        if not faces:
            raise NoFace(f"{photo.name}: no face found.")
        spec = mask_spec(kind, wearing_style, colour, seed)
        for face in faces:
            image = render(image, face.landmarks, [spec]).pixels
        return image

    @cached_property
    def _finder(self) -> FaceFinder:
        return default_finder()

    @cached_property
    def _unmasked_finder(self) -> FaceFinder:
        return unmasked_finder()

    def _open_or_create(self) -> Gallery:
        return open_or_create_gallery(self._gallery, self._embedder)


def mask_spec(kind: str, wearing_style: str, colour: str, seed: int) -> MaskSpec:
    """A mask of a kind, worn in a way; the seed decides what is left open.

    Raises:
        InvalidConfig: an unknown kind or wearing style, or what is no colour.
    """
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
    if not colour:
        return spec
    return dataclasses.replace(spec, colour=_linear(colour), print_name="plain")


def _linear(colour: str) -> tuple[float, float, float]:
    """Reflectance in linear light of an sRGB colour, as a page states it."""
    values: list[int] = []
    if re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        values = [*bytes.fromhex(colour[1:])]
    elif parts := _RGB.fullmatch(colour):
        values = [round(float(part)) for part in parts.groups()]
    if not values or max(values) > 255:
        raise InvalidConfig(
            f"{colour[:40]!r} is no colour; expected #rrggbb, or rgb(r, g, b) with "
            "values from 0 to 255."
        )
    red, green, blue = (_light(value / 255) for value in values)
    return red, green, blue


def _light(fraction: float) -> float:
    """sRGB to linear light, both 0 to 1 (IEC 61966-2-1)."""
    return (
        fraction / 12.92 if fraction <= 0.04045 else ((fraction + 0.055) / 1.055) ** 2.4
    )
