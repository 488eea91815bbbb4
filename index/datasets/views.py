"""Labelled photographs to the chips that embedders see, in several processes.

A view is one face as it is compared: a photograph as it is, or with a mask
rendered on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from index.datasets.labelled_photos import NO_MASK, LabelledPhoto
from masking.datasets.images import read_rgb
from masking.errors import NoFace, ToolkitError, UnreadableImage
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.detectors import FaceBox
from masking.faces.finder import Face
from masking.landmarks import Image, Landmarks
from masking.workers import ordered_map, worker_count

# Where dlib's box of the face lies in a crop with the usual margin, as fractions of
# its width and height: left, top, right, bottom. Median over 48 unmasked MTCNN
# crops that dlib's detector found, rounded and made symmetric.
CROP_BOX = (0.19, 0.30, 0.81, 0.91)
CROP_DETECTOR = "whole-picture"


class Finder(Protocol):
    """Finds faces and landmarks; `masking.faces.detectors.FaceFinder` is one."""

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture, the most prominent first."""

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the picture."""


class Renderer(Protocol):
    """Renders a mask on a face; must be picklable."""

    def kind(self, name: str) -> str:
        """Kind of the mask that the photograph of this name gets."""

    def render(self, image: Image, landmarks: Landmarks, name: str) -> Image:
        """The picture with a mask on the face; the same name, the same mask."""


@dataclass(frozen=True)
class ViewPlan:
    """What is made of each photograph.

    Attributes:
        geometries: a chip is cut for each.
        on_no_face: "fail", or "crop" to take the picture as a cut-out face.
        renderer: renders one masked copy of each photograph; None = none.
        redetect: find the face again under the synthetic mask, instead of cutting
            it out by the landmarks of the unmasked face.
    """

    geometries: tuple[ChipGeometry, ...]
    on_no_face: str = "fail"
    renderer: Renderer | None = None
    redetect: bool = True


@dataclass(frozen=True, eq=False)
class View:
    """One face as the embedders see it.

    Attributes:
        photo: number of the photograph in the list.
        mask: kind of mask, `labelled_photos.NO_MASK` without one.
        detector: stage that found the face; "" when it was not acquired.
        chips: (S, S, 3) uint8 RGB, one per geometry; empty when not acquired.
        failure: why it was not acquired; None when it was.
        unread: because the photograph could not be read.
    """

    photo: int
    mask: str
    detector: str
    chips: tuple[Image, ...]
    failure: str | None
    unread: bool = False

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
    try:
        image = read_rgb(photo.path)
        face = face_in(image, finder, plan.on_no_face, name)
    except ToolkitError as error:
        unread = isinstance(error, UnreadableImage)
        return [View(number, mask, "", (), str(error), unread) for mask in masks]
    views = [_view(number, photo.mask, image, face, plan)]
    if renderer:
        try:
            masked = renderer.render(image, face.landmarks, photo.name)
            if plan.redetect:
                face = face_in(masked, finder, plan.on_no_face, f"{name}, rendered")
            views.append(_view(number, masks[1], masked, face, plan))
        except ToolkitError as error:
            views.append(View(number, masks[1], "", (), str(error)))
    return views


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


def face_in(image: Image, finder: Finder, on_no_face: str, name: str) -> Face:
    """The most prominent face; without any, the picture itself if it is a crop.

    Raises:
        NoFace: none was found and `on_no_face` is "fail".
    """
    faces = finder.find(image)
    if faces:
        return faces[0]
    if on_no_face != "crop":
        raise NoFace(f"{name}: no face found.")
    height, width = image.shape[:2]
    left, top, right, bottom = CROP_BOX
    box = FaceBox(
        left * width, top * height, right * width, bottom * height, 0.0, CROP_DETECTOR
    )
    return Face(box, finder.landmarks_in(image, box))


def _view(number: int, mask: str, image: Image, face: Face, plan: ViewPlan) -> View:
    chips = tuple(
        crop_chip(image, face.landmarks, geometry, "").pixels
        for geometry in plan.geometries
    )
    return View(number, mask, face.box.detector, chips, None)


class _ViewStep:
    """One photograph to its views; built once in each process."""

    def __init__(self, plan: ViewPlan, make_finder: Callable[[], Finder]):
        self._plan, self._finder = plan, make_finder()

    def __call__(self, job: tuple[int, LabelledPhoto]) -> list[View]:
        return photo_views(*job, self._plan, self._finder)
