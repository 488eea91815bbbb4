"""Pictures that masks are judged on: a photo without and with a mask, landmarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.augment.people_lists import read_names
from masking.datasets.images import decode_rgb, encode_image, list_images, read_rgb
from masking.errors import MissingInput
from masking.faces.finder import Finder
from masking.landmarks import JAW, Float32, Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import MaskedSample, render

# A change of a pixel that JPEG alone does not make, of 255.
_CHANGED = 14
# Of the face's width: what is narrower is a strap, not a mask.
_STRAP_FRACTION = 0.10

# Weights of red, green and blue in linear light (ITU-R BT.709).
_LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MaskedPair:
    """One face, unmasked and masked.

    Attributes:
        name: of the photograph.
        unmasked, masked: (H, W, 3) uint8 RGB, the same pixels but for the mask.
        landmarks: of the unmasked face.
        area: (H, W), where the mask is, as seen by comparing the two pictures.
        sample: what the engine says of its own picture; None for a peer's.
    """

    name: str
    unmasked: Image
    masked: Image
    landmarks: Landmarks
    area: Mask
    sample: MaskedSample | None = None

    @property
    def face_px(self) -> float:
        """Width of the face from temple to temple, px."""
        return face_width_px(self.landmarks)


def face_width_px(landmarks: Landmarks) -> float:
    """Twice the mean distance of the jaw's ends from the bridge of the nose, px.

    Unlike the distance between the ends it hardly shrinks when a head turns.
    """
    ends = landmarks.points[[JAW.start, JAW.stop - 1]] - landmarks.points[27]
    return float(2 * np.linalg.norm(ends, axis=1).mean())


def changed_area(unmasked: Image, masked: Image, face_px: float) -> Mask:
    """Where a mask was rendered, from the two pictures alone; straps left out.

    The largest patch of changed pixels: closed where the fabric has the skin's own
    colour, opened so that straps fall off, its holes filled.
    """
    change = np.abs(unmasked.astype(np.int16) - masked).max(axis=2)
    changed = (cv2.medianBlur(change.astype(np.uint8), 3) >= _CHANGED).astype(np.uint8)
    closed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, _disk(0.06 * face_px))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disk(_STRAP_FRACTION * face_px))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros(change.shape, bool)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    body = (labels == largest).astype(np.uint8)
    outlines, _ = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(body, outlines, -1, 1, -1), dtype=bool)


def _disk(across_px: float) -> Image:
    side = 2 * max(1, round(across_px / 2)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


def as_written(pixels: Image) -> Image:
    """The picture as it comes back from the JPEG file that `augment` writes."""
    return decode_rgb(encode_image(pixels, ".jpg"), "encoded picture")


def masked_pair(
    name: str, unmasked: Image, landmarks: Landmarks, specs: Sequence[MaskSpec]
) -> MaskedPair:
    """Render `specs` on an unmasked face.

    Raises:
        NoFace: the landmarks lie outside of the picture.
    """
    sample = render(unmasked, landmarks, specs)
    masked = as_written(sample.pixels)
    area = changed_area(unmasked, masked, face_width_px(landmarks))
    return MaskedPair(name, unmasked, masked, landmarks, area, sample)


def rendered_pairs(
    photos: list[Path], finder: Finder, config: SpecConfig, seed: int
) -> Iterator[MaskedPair]:
    """Photos with a mask on the prominent face; those without a face are left out."""
    for photo in photos:
        unmasked = read_rgb(photo)
        faces = finder.find(unmasked)
        if faces:
            specs = draw_specs(sample_rng(seed, photo.name), config)
            yield masked_pair(photo.name, unmasked, faces[0].landmarks, specs)


def plain_fabric(pair: MaskedPair) -> MaskedPair:
    """The pair with the same mask without print and valve, and nothing else worn."""
    if pair.sample is None:
        return pair
    spec = replace(pair.sample.specs[0], print_name="plain", valve=False)
    return masked_pair(pair.name, pair.unmasked, pair.landmarks, (spec,))


def peer_pairs(masked: Path, originals: Path, finder: Finder) -> Iterator[MaskedPair]:
    """A peer's pictures beside the originals, matched by `originals_by_name`.

    Originals without a face are left out, and so are pictures of another size: a
    peer that crops is to be given cropped originals.

    Raises:
        MissingInput: no picture has an original of its size.
    """
    matched = 0
    for path, original in originals_by_name(masked, originals):
        unmasked, worn = read_rgb(original), read_rgb(path)
        if unmasked.shape != worn.shape:
            continue
        matched += 1
        faces = finder.find(unmasked)
        if faces:
            marks = faces[0].landmarks
            area = changed_area(unmasked, worn, face_width_px(marks))
            yield MaskedPair(path.name, unmasked, worn, marks, area)
    if not matched:
        raise MissingInput(
            f"{masked}: no picture is named like one of {originals} and has its size. "
            "Expected the originals' names, perhaps with an ending such as _surgical."
        )


def originals_by_name(masked: Path, originals: Path) -> list[tuple[Path, Path]]:
    """Pairs (masked picture, its original), in the order of the masked ones.

    A name is compared without its suffix and cut at each "_" until it is one of the
    originals': with its folders first, then alone where it is the only one.
    """
    unmasked = list_images(originals)
    by_place = {_place(path, originals): path for path in unmasked}
    count = Counter(path.stem for path in unmasked)
    by_stem = {path.stem: path for path in unmasked if count[path.stem] == 1}
    pairs = []
    for path in list_images(masked):
        place = _cut(_place(path, masked), by_place)
        stem = _cut(path.stem, by_stem)
        if place is not None:
            pairs.append((path, by_place[place]))
        elif stem is not None:
            pairs.append((path, by_stem[stem]))
    return pairs


def _place(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _cut(name: str, known: Container[str]) -> str | None:
    """The longest beginning of a name, cut at "_", that is known."""
    while name not in known:
        if "_" not in name.rsplit("/", 1)[-1]:
            return None
        name = name.rsplit("_", 1)[0]
    return name


def chosen_photos(photos: Path, names: Path, count: int) -> list[Path]:
    """`count` photographs, evenly from the people of a list, by name."""
    people = sorted(read_names(names))
    paths = [path for name in people for path in list_images(photos / name)]
    at = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return [paths[index] for index in at]


def luma(pixels: Image) -> Float32:
    """Brightness of each pixel, (H, W) float32 in 0..255 (ITU-R BT.601)."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def linear_luma(pixels: Image) -> Float32:
    """Light of each pixel, (H, W) float32 in [0, 1] (IEC 61966-2-1)."""
    fraction = pixels.astype(np.float32) / 255
    linear = np.where(
        fraction <= 0.04045, fraction / 12.92, ((fraction + 0.055) / 1.055) ** 2.4
    )
    return np.asarray(linear @ _LUMA, dtype=np.float32)
