"""Labelled photographs to the chips that embedders see, in several processes.

A view is one face as it is compared: a photograph as it is, or with a mask
rendered on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple, Protocol

from masking.datasets.images import read_rgb
from masking.datasets.labels import NO_MASK, LabelledPhoto
from masking.errors import NoFace, ToolkitError, UnreadableImage
from masking.faces.alignment import ChipGeometry
from masking.faces.detector import FaceBox
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
from masking.landmarks import Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from masking.workers import ordered_map, worker_count

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
        mask: kind of mask, `labelled_photos.NO_MASK` without one.
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
        workers: processes; 0 = one a CPU core, 1 = this process.
        make_finder: builds each process's finder; must be picklable.
    """
    workers = worker_count(workers)
    jobs = list(enumerate(photos))
    if len(jobs) < 2 * workers:
        workers = 1  # processes take longer to start than they save
    make_step = partial(_ViewStep, plan, make_finder)
    for views in ordered_map(make_step, jobs, workers):
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
