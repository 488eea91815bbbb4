"""Draws the worst errors of an evaluation for the eyes of whoever owns the photos.

The sheets show people and name them. They are written into a folder of their own
that git ignores, never into the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from index.evaluation.private_errors import PrivateErrors, pair_ends
from index.evaluation.set_figures import WorstPair
from masking.datasets.contact_sheet import caption_font, contact_sheet
from masking.datasets.images import encode_image
from masking.files.writing import strict_json, write_bytes
from masking.landmarks import Image

_TILE_PX, _GAP_PX, _COLUMNS = 120, 14, 4
_HEADING_PX, _CAPTION_PX = 34, 34
_NOTICE = (
    "PRIVATE. These pictures show people and name them. They help to find wrong\n"
    "labels and hard cases; do not publish them and delete them when you are done.\n"
    "git ignores this folder.\n"
)


def write_private(folder: Path, errors: PrivateErrors) -> list[Path]:
    """Write the sheets, why faces were not found, and a notice; returns the sheets."""
    write_bytes(folder / ".gitignore", b"*\n")
    write_bytes(folder / "README.txt", _NOTICE.encode())
    reasons = strict_json(errors.reasons, indent=1)
    write_bytes(folder / "unfound.json", reasons.encode())
    written = []
    for number, embedder in enumerate(errors.worst):
        # A number, because a name need not be one that a file can have.
        path = folder / f"worst-{number}.png"
        write_bytes(path, encode_image(_worst_sheet(embedder, errors), ".png"))
        written.append(path)
    if errors.unfound:
        sheet = contact_sheet(list(errors.unfound), tile_px=180, columns=6)
        write_bytes(folder / "unfound.png", encode_image(sheet, ".png"))
        written.append(folder / "unfound.png")
    return written


def _worst_sheet(embedder: str, errors: PrivateErrors) -> Image:
    rows: list[Image] = [_heading(f"PRIVATE: worst errors of {embedder}", 18)]
    for kind, pairs in errors.worst[embedder].items():
        limit = f"{errors.limits[embedder][kind]:.3f} is accepted at FAR 0.1%"
        for title, chosen in (
            ("closest pairs of two people", pairs.closest_impostors),
            ("farthest pairs of one person", pairs.farthest_genuine),
        ):
            if chosen:
                rows.append(_heading(f"{kind}: {title} ({limit})", 14))
            for start in range(0, len(chosen), _COLUMNS):
                part = chosen[start : start + _COLUMNS]
                rows.append(_pair_row(kind, part, errors))
    return np.concatenate(rows)


def _heading(text: str, size_px: int) -> Image:
    row = Pillow.new("RGB", (_width(), _HEADING_PX), "white")
    draw = ImageDraw.Draw(row)
    draw.text((_GAP_PX, 8), text, fill="black", font=caption_font(size_px))
    return np.array(row, dtype=np.uint8)


def _width() -> int:
    return _COLUMNS * (2 * _TILE_PX + _GAP_PX) + _GAP_PX


def _pair_row(kind: str, pairs: Sequence[WorstPair], errors: PrivateErrors) -> Image:
    row = Pillow.new("RGB", (_width(), _TILE_PX + _CAPTION_PX), "white")
    draw, font = ImageDraw.Draw(row), caption_font(10)
    for column, pair in enumerate(pairs):
        left = _GAP_PX + column * (2 * _TILE_PX + _GAP_PX)
        for side, seen in enumerate(pair_ends(kind, pair)):
            chip = Pillow.fromarray(errors.chips[seen]).resize((_TILE_PX, _TILE_PX))
            row.paste(chip, (left + side * _TILE_PX, 0))
        names = (errors.names[pair.first], errors.names[pair.second])
        for line, text in enumerate((f"{pair.distance:.3f}  {names[0]}", names[1])):
            shown = text if len(text) <= 42 else f"{text[:10]}…{text[-30:]}"
            place = (left, _TILE_PX + 2 + 13 * line)
            draw.text(place, shown, fill="#333333", font=font)
    return np.array(row, dtype=np.uint8)
