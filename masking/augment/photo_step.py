"""One photograph to its row of the manifest and its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from masking.augment.config import AugmentConfig
from masking.augment.full_photos import (
    encode_alpha,
    encode_parts,
    encode_photo,
    format_of,
    render_faces,
)
from masking.augment.manifest import ManifestRow, MaskedFile, MaskedPhoto, WornMask
from masking.datasets.collections import Photo
from masking.datasets.images import file_sha256, write_image
from masking.errors import UnreadableImage
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
from masking.landmarks import Image, Landmarks
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.photo_light import look_from_list
from masking.rendering.render import MaskedSample, photo_look, render

# Training turns, shifts and scales chips; the margin fills what that uncovers.
MARGIN_PX = 25
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
