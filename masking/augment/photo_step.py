"""One photograph to its row of the manifest and its files.

These are chips, or whole photographs with masks on several faces, in the quality of the
source.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from masking.augment.config import AugmentConfig
from masking.augment.manifest import ManifestRow, MaskedFile, MaskedPhoto, WornMask
from masking.datasets.collections import Photo
from masking.datasets.images import encode_image, file_sha256, opened, write_image
from masking.errors import NoFace, UnreadableImage
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import (
    AlignedPhoto,
    Finder,
    PhotoFile,
    default_finder,
    read_faces,
    read_photo,
    whole_picture,
)
from masking.files.writing import write_bytes
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.photo_light import look_from_list
from masking.rendering.render import PARTS, MaskedSample, photo_look, render

# Training turns, shifts and scales chips, and ArcFace's show more of the forehead than
# dlib's; the margin fills what that uncovers.
MARGIN_PX = 40
CHIP_GEOMETRY = ChipGeometry().with_margin(MARGIN_PX)
CHIPS, MASKED, PHOTOS = "chips", "masked", "photos"

Task = tuple[Photo, ManifestRow | None]


class PhotoStep:
    """Photograph to row and files; built once in each process."""

    def __init__(
        self,
        out: Path,
        config: AugmentConfig,
        specs: SpecConfig,
        make_finder: Callable[[], Finder],
        make_masked_finder: Callable[[], Finder] = default_finder,
    ):
        self._out, self._config, self._specs = out, config, specs
        self._finder = make_finder()
        # Its landmarks are loaded where somebody wears a mask.
        self._masked_finder = cache(make_masked_finder)

    def __call__(self, task: Task) -> tuple[ManifestRow, bool]:
        """The row, and whether it is the known one whose files are still true."""
        photo, known = task
        row = ManifestRow(
            photo.photo_id,
            photo.identity,
            "",
            wears_mask=photo.wears_mask,
            collection=photo.collection,
        )
        if photo.refused:
            return replace(row, failure=photo.refused, unread=True), False
        try:
            # Records name a photograph within its collection: they are the same
            # wherever that lies.
            file = read_photo(photo.path, photo.photo_id)
            row = replace(row, sha256=file.sha256)
            if known is not None and self._still_true(known, row):
                return known, True
            row = self._row(row, file)
            return replace(row, made_sha256=self._made_sha256(row)), False
        except UnreadableImage as error:
            return replace(row, failure=str(error), unread=True), False

    def _still_true(self, known: ManifestRow, row: ManifestRow) -> bool:
        """Whether a known row says of a photograph what `row` knows before any work."""
        try:
            return (
                not known.failure
                and known.identity == row.identity
                and known.wears_mask == row.wears_mask
                and known.sha256 == row.sha256
                and known.made_sha256 == self._made_sha256(known)
            )
        except OSError:
            # Missing, or its disk fails: it is made again.
            return False

    def _made_sha256(self, row: ManifestRow) -> str:
        """One hash for all files that were made of a photograph; "" for none."""
        parts = [file_sha256((self._out / name).read_bytes()) for name in row.files()]
        return file_sha256("".join(parts).encode()) if parts else ""

    def _row(self, row: ManifestRow, file: PhotoFile) -> ManifestRow:
        fallback = whole_picture if self._config.crop_is_face else None
        finder = self._masked_finder() if row.wears_mask else self._finder
        photo = read_faces(file, finder, fallback=fallback)
        if not photo.faces:
            return replace(row, failure=photo.prominent.failure)
        row = replace(
            row,
            detector=photo.faces[0].box.detector,
            faces=len(photo.faces),
            landmarks=_rounded(photo.faces[0].landmarks),
        )
        if self._config.output != "photo":
            row = self._with_chips(row, photo.image)
        if self._config.output != "chip" and not row.wears_mask:
            row = self._with_photos(row, file, photo)
        return row

    def _with_chips(self, row: ManifestRow, image: Image) -> ManifestRow:
        # Cut and rendered with what is recorded, so that the record repaints the same.
        marks = landmarks_from(row.landmarks)
        chip = crop_chip(image, marks, CHIP_GEOMETRY, row.photo_id)
        # Two photographs may differ in their suffix only: it stays in the name.
        file = f"{CHIPS}/{row.photo_id}.jpg"
        write_image(self._out / file, chip.pixels)
        points = _rounded(chip.landmarks)
        look = photo_look(chip.pixels, landmarks_from(points)).to_list()
        row = replace(row, chip=file, chip_landmarks=points, look=look)
        count = 0 if row.wears_mask else self._config.variants
        masked = [self._masked(row, number, chip.pixels) for number in range(count)]
        return replace(row, masked=masked)

    def _masked(self, row: ManifestRow, number: int, pixels: Image) -> MaskedFile:
        stem = f"{MASKED}/{row.photo_id}-{number}"
        marks, look = landmarks_from(row.chip_landmarks), look_from_list(row.look)
        specs = self._drawn(row, number, 0)
        sample = render(pixels, marks, specs, look, behind_hair=True)
        write_image(self._out / f"{stem}.jpg", sample.pixels)
        alpha, parts = self._write_layers(stem, sample)
        records = [spec.to_json() for spec in sample.specs]
        return MaskedFile(
            f"{stem}.jpg", records, sample.specs[0].wearing_style, alpha, parts
        )

    def _with_photos(
        self, row: ManifestRow, file: PhotoFile, photo: AlignedPhoto
    ) -> ManifestRow:
        faces = photo.faces
        chosen = faces if self._config.faces == "all" else faces[:1]
        every = [_rounded(face.landmarks) for face in faces]
        marks = [landmarks_from(points) for points in every[: len(chosen)]]
        target = format_of(file.data)
        photos = []
        for number in range(self._config.variants):
            stem = f"{PHOTOS}/{row.photo_id}-{number}"
            specs = [self._drawn(row, number, face) for face in range(len(chosen))]
            wearers = list(zip(marks, specs, strict=True))
            sample, reasons = render_faces(photo.image, wearers)
            write_bytes(
                self._out / f"{stem}{target.suffix}",
                encode_photo(sample.pixels, target),
            )
            alpha, parts = self._write_layers(stem, sample)
            worn = [
                _worn(face, specs[face], reason) for face, reason in enumerate(reasons)
            ]
            photos.append(MaskedPhoto(f"{stem}{target.suffix}", worn, alpha, parts))
        return replace(row, face_landmarks=every, photos=photos)

    def _drawn(self, row: ManifestRow, number: int, face: int) -> tuple[MaskSpec, ...]:
        """What a face wears: the prominent one the same in chip and photograph."""
        name = f"{row.photo_id}#{number}" + (f"/{face}" if face else "")
        return draw_specs(sample_rng(self._config.seed, name), self._specs)

    def _write_layers(self, stem: str, sample: MaskedSample) -> tuple[str, str]:
        """Files of alpha and parts; "" for what was not asked for."""
        alpha = f"{stem}.alpha.png" if self._config.alpha else ""
        parts = f"{stem}.parts.png" if self._config.parts else ""
        if alpha:
            write_bytes(self._out / alpha, encode_alpha(sample.alpha))
        if parts:
            write_bytes(self._out / parts, encode_parts(sample.parts))
        return alpha, parts


def _worn(face: int, specs: tuple[MaskSpec, ...], reason: str) -> WornMask:
    if reason:
        return WornMask(face, [], "", reason)
    return WornMask(face, [spec.to_json() for spec in specs], specs[0].wearing_style)


def landmarks_from(points: list[list[float]]) -> Landmarks:
    """Recorded landmarks."""
    return Landmarks(np.array(points, dtype=np.float32))


def _rounded(landmarks: Landmarks) -> list[list[float]]:
    points: list[list[float]] = landmarks.points.astype(np.float64).round(2).tolist()
    return points


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
