"""Many small pictures on one sheet, each with a caption."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from masking.landmarks import Image

_GAP_PX = 8
_CAPTION_PX = 22


def caption_font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which matplotlib brings: covers most alphabets."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return ImageFont.load_default()
    fonts = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), size_px)


def contact_sheet(
    tiles: list[tuple[Image, str]], tile_px: int = 180, columns: int = 8
) -> Image:
    """Pictures in rows, (H, W, 3) uint8 RGB.

    Args:
        tiles: at least one picture (h, w, 3) with its caption; each is scaled
            to fit a square.
        tile_px: side of that square.
        columns: pictures in a row, at most.
    """
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = tile_px + _GAP_PX, tile_px + _CAPTION_PX + _GAP_PX
    size = (columns * step_x + _GAP_PX, rows * step_y + _GAP_PX)
    sheet = Pillow.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), caption_font(12)
    for number, (pixels, caption) in enumerate(tiles):
        left = _GAP_PX + number % columns * step_x
        top = _GAP_PX + number // columns * step_y
        picture = Pillow.fromarray(pixels)
        picture.thumbnail((tile_px, tile_px), Pillow.Resampling.LANCZOS)
        sheet.paste(picture, (left, top))
        draw.text((left, top + tile_px + 3), caption, fill="#333333", font=font)
    return np.array(sheet, dtype=np.uint8)
