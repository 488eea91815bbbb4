"""One picture of every mask kind, wear and pose, painted on a collection's faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from masking.alignment import ChipGeometry, crop_chip
from masking.contact_sheet import caption_font
from masking.image_files import read_rgb
from masking.landmarks import FaceChip, Image, Landmarks
from masking.manifest import ManifestRow
from masking.mask_rendering import render
from masking.mask_spec import KINDS, WEARS, MaskSpec, SpecConfig, draw_specs, sample_rng

# Wanted `turn_of` of each pose; half is a head turned by about 30 degrees.
POSES = {"frontal": 0.0, "turned left": -0.5, "turned right": 0.5}
# Shows the ears, where straps end, and the neck.
_GEOMETRY = ChipGeometry(size_px=176, padding=0.42)
_GAP_PX, _LABEL_PX, _HEAD_PX = 4, 96, 46
# Faces with less distance between the eyes look coarse on the picture.
_GOOD_EYES_PX = 40.0


def turn_of(landmarks: Landmarks) -> float:
    """How far a head is turned: -1 to the left of the picture, 0 ahead, 1 right.

    The nose tip's distances from the two sides of the jaw, compared.
    """
    points = landmarks.points
    axis = points[16] - points[0]
    along = (points - points[0]) @ axis / float(axis @ axis + 1e-9)
    right, left = float(along[30] - along[0]), float(along[16] - along[30])
    return float(np.clip((right - left) / (right + left + 1e-9), -1, 1))


@dataclass
class PoseChoice:
    """The face of a collection that shows each pose best, chosen row by row."""

    best: dict[str, tuple[float, ManifestRow]] = field(default_factory=dict)

    def add(self, row: ManifestRow) -> None:
        """Consider one row, in the order of the collection; the first best wins."""
        if row.failure:
            return
        landmarks = Landmarks(np.array(row.landmarks, dtype=np.float32))
        small = max(0.0, 1 - landmarks.interocular_px / _GOOD_EYES_PX)
        for pose, wanted in POSES.items():
            badness = abs(turn_of(landmarks) - wanted) + small
            if pose not in self.best or badness < self.best[pose][0]:
                self.best[pose] = (badness, row)


def kinds_picture(source: Path, choice: PoseChoice) -> Image:
    """A row for each kind, a column for each wear and pose, (H, W, 3) uint8 RGB.

    Args:
        source: the collection that the rows of `choice` come from.
    """
    chips = {pose: _chip(source, row) for pose, (_, row) in choice.best.items()}
    step = _GEOMETRY.size_px + _GAP_PX
    columns = [(wear, pose) for wear in WEARS for pose in POSES]
    width = _LABEL_PX + len(columns) * step + (len(WEARS) - 1) * 2 * _GAP_PX
    sheet = Pillow.new("RGB", (width, _HEAD_PX + len(KINDS) * step), "white")
    draw = ImageDraw.Draw(sheet)
    big, small = caption_font(18), caption_font(12)
    for down, kind in enumerate(KINDS):
        top = _HEAD_PX + down * step
        draw.text((8, top + step // 2 - 12), kind, fill="#222222", font=big)
        for across, (wear, pose) in enumerate(columns):
            left = _LABEL_PX + across * step + across // len(POSES) * 2 * _GAP_PX
            if down == 0 and across % len(POSES) == 0:
                heading = wear.replace("_", " ")
                draw.text((left, 2), heading, fill="#222222", font=big)
            if down == 0:
                draw.text((left, 26), pose, fill="#555555", font=small)
            if pose in chips:
                chip = chips[pose]
                specs = worn_so(kind, wear, pose)
                painted = render(chip.pixels, chip.landmarks, specs).pixels
                sheet.paste(Pillow.fromarray(painted), (left, top))
    return np.array(sheet, dtype=np.uint8)


def worn_so(kind: str, wear: str, name: str) -> tuple[MaskSpec, ...]:
    """A mask of this kind and wear, the first such that is drawn by lot.

    Args:
        name: others give other masks.
    """
    config = SpecConfig((kind,), wrong_wear=0.0 if wear == "correct" else 4.0)
    attempt = 0
    while True:
        rng = sample_rng(attempt, f"{kind}/{wear}/{name}")
        specs = draw_specs(rng, config)
        if specs[0].wear == wear:
            return specs
        attempt += 1


def _chip(source: Path, row: ManifestRow) -> FaceChip:
    image = read_rgb(source / row.photo_id)
    landmarks = Landmarks(np.array(row.landmarks, dtype=np.float32))
    return crop_chip(image, landmarks, _GEOMETRY, row.photo_id)
