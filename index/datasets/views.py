"""Labelled photographs, and the chips of them that embedders see.

A view is one face as it is compared: a photograph as it is, or with a mask
rendered on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol

from masking.datasets.collections import (
    COLUMNS,
    LABELS,
    NO_MASK,
    Collection,
    LabelledPhoto,
    read_labels,
)
from masking.datasets.images import read_rgb
from masking.errors import (
    BadRecord,
    MissingInput,
    NoFace,
    ToolkitError,
    UnreadableImage,
)
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import (
    AlignedFace,
    AlignedPhoto,
    Face,
    Fallback,
    Finder,
    align_faces,
    read_faces,
    read_photo,
    unmasked_predictor,
)
from masking.files.text import normal_form, read_lines
from masking.landmarks import FaceBox, Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from masking.workers import ordered_map

# Where dlib's box of the face lies in a crop with the usual margin, as fractions of
# its width and height: left, top, right, bottom. Median over 48 unmasked MTCNN
# crops that dlib's detector found, rounded and made symmetric.
CROP_BOX = (0.19, 0.30, 0.81, 0.91)
CROP_DETECTOR = "whole-picture"
ALL_KINDS = "all"


class Renderer(Protocol):
    """Renders a mask on a face; must be picklable."""

    def kind(self, name: str) -> str:
        """Kind of the mask that the photograph of this name gets."""

    def wearing_style(self, name: str) -> str:
        """How that mask is worn."""

    def render(self, image: Image, landmarks: Landmarks, name: str) -> Image:
        """The picture with a mask on the face; the same name, the same mask."""


@dataclass(frozen=True)
class ViewPlan:
    """What is made of each photograph.

    Attributes:
        geometries: a chip is cut for each.
        on_no_face: "fail", or "crop" to take the picture as a cut-out face.
        renderer: renders one masked copy of each photograph; None = none.
    """

    geometries: tuple[ChipGeometry, ...]
    on_no_face: str = "fail"
    renderer: Renderer | None = None


class View(NamedTuple):
    """One face as it is compared.

    Attributes:
        photo: number of the photograph in the list.
        mask: kind of mask, NO_MASK without one.
        face: its crops for the plan's geometries, or why there are none.
    """

    photo: int
    mask: str
    face: AlignedFace

    @property
    def masked(self) -> bool:
        """The view shows a mask."""
        return self.mask != NO_MASK


def all_views(
    photos: Sequence[LabelledPhoto],
    plan: ViewPlan,
    workers: int,
    make_finder: Callable[[], Finder],
) -> Iterator[View]:
    """The views of all photographs, in order; unmasked before rendered.

    Args:
        workers: as for `ordered_map`.
        make_finder: builds each process's finder; must be picklable.
    """
    make_step = partial(_ViewStep, plan, make_finder)
    for views in ordered_map(make_step, enumerate(photos), workers):
        yield from views


def photo_views(
    number: int, photo: LabelledPhoto, plan: ViewPlan, finder: Finder
) -> list[View]:
    """The views of one photograph; never raises ToolkitError."""
    renderer, name = plan.renderer, str(photo.path)
    masks = [photo.mask] + ([renderer.kind(photo.name)] if renderer else [])
    fallback = crop_face if plan.on_no_face == "crop" else None
    try:
        file = read_photo(photo.path)
        read = read_faces(file, finder, plan.geometries, fallback)
    except UnreadableImage as error:
        failed = AlignedFace(name, failure=str(error), unread=True)
        return [View(number, mask, failed) for mask in masks]
    if not renderer or read.prominent.failure:
        return [View(number, mask, read.prominent) for mask in masks]
    try:
        masked = _masked_face(read, photo.name, renderer, plan, finder, fallback)
    except ToolkitError as error:
        masked = AlignedFace(name, read.sha256, failure=str(error))
    return [View(number, masks[0], read.prominent), View(number, masks[1], masked)]


def _masked_face(
    photo: AlignedPhoto,
    name: str,
    renderer: Renderer,
    plan: ViewPlan,
    finder: Finder,
    fallback: Fallback | None,
) -> AlignedFace:
    """The prominent face with a rendered mask, found again as a real one would be."""
    picture = renderer.render(photo.image, photo.prominent.landmarks, name)
    source = f"{photo.source}, rendered"
    again = align_faces(
        picture, source, photo.sha256, finder, plan.geometries, fallback
    )
    return again.prominent


def picture_seen(
    photo: LabelledPhoto, rendered: bool, plan: ViewPlan, finder: Finder
) -> Image:
    """The (H, W, 3) picture in which a face was looked for.

    Args:
        rendered: the rendered copy; the photograph itself where none can be made.

    Raises:
        UnreadableImage: the photograph cannot be read.
    """
    image = read_rgb(photo.path)
    faces = finder.find(image) if rendered and plan.renderer else []
    if not faces or not plan.renderer:
        return image
    try:
        return plan.renderer.render(image, faces[0].landmarks, photo.name)
    except NoFace:
        return image


def crop_face(image: Image, finder: Finder) -> list[Face]:
    """The face of a picture that is a crop of one with the usual margin."""
    height, width = image.shape[:2]
    left, top, right, bottom = CROP_BOX
    box = FaceBox(
        left * width, top * height, right * width, bottom * height, 0.0, CROP_DETECTOR
    )
    return [Face(box, finder.landmarks_in(image, box))]


class _ViewStep:
    """One photograph to its views; built once in each process."""

    def __init__(self, plan: ViewPlan, make_finder: Callable[[], Finder]):
        self._plan, self._finder = plan, make_finder()

    def __call__(self, job: tuple[int, LabelledPhoto]) -> list[View]:
        return photo_views(*job, self._plan, self._finder)


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


def read_labelled_photos(
    folder: Path, people_file: Path | None = None
) -> list[LabelledPhoto]:
    """The photographs of a folder, by its labels.csv or by a folder per person.

    Args:
        people_file: keep only the people of this LFW protocol file, such as
            peopleDevTest.txt; None keeps all.

    Raises:
        MissingInput: folder, file or listed photographs are missing.
        BadRecord: labels or people file that cannot be understood.
    """
    if (folder / LABELS).is_file():
        photos = read_labels(folder)
    else:
        photos = read_person_folders(folder)
    return photos if people_file is None else only_people(photos, people_file)


def read_person_folders(folder: Path) -> list[LabelledPhoto]:
    """The photographs of a `Collection`.

    Raises:
        MissingInput: no folder, or no photograph.
        BadRecord: some of them are nobody's, or cannot be listed.
    """
    photos = list(Collection(folder))
    refused = [photo.refused for photo in photos if photo.refused]
    if refused:
        raise BadRecord(
            f"{folder}: {len(refused)} pictures cannot be used, such as {refused[0]}, "
            f"or a {LABELS} with columns {', '.join(COLUMNS)}."
        )
    return [LabelledPhoto(p.path, p.photo_id, p.identity) for p in photos]


def read_people(people_file: Path) -> dict[str, int]:
    """People of an LFW protocol file and how many photographs each has.

    The file holds a line with the number of people, then NAME<tab>COUNT lines.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: another format, or a number of people that does not fit.
    """
    lines = read_lines(people_file, "a list of people")
    rows = [line.split("\t") for line in lines if line]
    header, body = rows[:1], rows[1:]
    fits = all(len(row) == 2 and row[1].strip().isdecimal() for row in body)
    if not header or header[0] != [str(len(body))] or not body or not fits:
        raise BadRecord(
            f"{people_file}: not a list of people. Expected the number of people, "
            "then one NAME<tab>PHOTOGRAPHS a line, like LFW's peopleDevTest.txt."
        )
    return {normal_form(name): int(count) for name, count in body}


def only_people(photos: list[LabelledPhoto], people_file: Path) -> list[LabelledPhoto]:
    """The photographs of the listed people.

    Raises:
        MissingInput: fewer photographs of somebody than the list says; leaving
            them out would make the figures those of another test.
    """
    listed = read_people(people_file)
    kept = [photo for photo in photos if normal_form(photo.person) in listed]
    found = Counter(normal_form(photo.person) for photo in kept)
    short = [name for name, count in listed.items() if found[name] < count]
    if short:
        raise MissingInput(
            f"{people_file}: {len(short)} of its {len(listed)} people have fewer "
            f"photographs than listed, first {short[0]} ({found[short[0]]} of "
            f"{listed[short[0]]}). Give the folder that the list was made for."
        )
    return kept
