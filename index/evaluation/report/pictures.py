"""Pictures of a report: curves of errors, and the worst pairs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from index.evaluation.figures import SETS, EmbedderFigures
from index.evaluation.set_figures import CMC_DEPTH, CURVE_FARS, WorstPair
from index.evaluation.stage import PrivateErrors, pair_ends
from masking.augment.report import contact_sheet
from masking.datasets.images import encode_image
from masking.files.model_files import font_file
from masking.files.writing import strict_json, write_bytes
from masking.landmarks import Image

ROC, DET, CMC = "roc.png", "det.png", "cmc.png"
_STYLES = ("--", "-", "-.", ":")
# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = ("#666666", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
_SMALLEST_FAR = 1e-4


def report_plots(embedders: Sequence[EmbedderFigures]) -> dict[str, bytes]:
    """The plots by the name of their file; no CMC where nothing was identified."""
    plots = {ROC: roc_png(embedders), DET: det_png(embedders)}
    if any(one.ranks and one.ranks.probes for one in embedders):
        plots[CMC] = cmc_png(embedders)
    return plots


def roc_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """TAR over FAR (logarithmic): PNG bytes. Up and to the left is better."""
    figure, panels = _panels(embedders)
    for axes, name, tar, look in _curves(embedders, panels):
        axes.plot(CURVE_FARS, tar, label=name, **look)
    for axes in panels.values():
        axes.set(ylim=(0, 1.01))
    next(iter(panels.values())).set(ylabel="true accept rate")
    return _png(figure, panels, "lower right")


def det_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """Missed genuine pairs over FAR, both logarithmic: PNG bytes. Down is better."""
    figure, panels = _panels(embedders)
    for axes, name, tar, look in _curves(embedders, panels):
        # A rate of zero has no place on a logarithmic axis.
        missed = np.where(tar < 1, 1 - tar, np.nan)
        axes.plot(CURVE_FARS, missed, label=name, **look)
    for axes in panels.values():
        axes.set(yscale="log", ylim=(None, 1))
    next(iter(panels.values())).set(ylabel="genuine pairs missed")
    return _png(figure, panels, "lower left")


def cmc_png(embedders: Sequence[EmbedderFigures]) -> bytes:
    """Fraction of masked probes found among the first k people: PNG bytes.

    Up is better.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.6), dpi=130)
    figure.subplots_adjust(left=0.14, right=0.97, bottom=0.14, top=0.96)
    axes = figure.add_subplot()
    for number, embedder in enumerate(embedders):
        if embedder.ranks and embedder.ranks.probes:
            cmc = embedder.ranks.cmc
            ranks = range(1, len(cmc) + 1)
            look = _look(number) | {"marker": "o", "markersize": 3}
            axes.plot(ranks, cmc, label=embedder.name, **look)
    axes.set(xlabel="rank", ylabel="probes found", ylim=(None, 1.01))
    axes.set(xticks=(1, *range(5, CMC_DEPTH + 1, 5)))
    axes.grid(True, alpha=0.3)
    return _png(figure, {"": axes}, "lower right")


def _look(number: int) -> dict[str, Any]:
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _STYLES[number % len(_STYLES)],
        "linewidth": 1.6,
    }


def _curves(
    embedders: Sequence[EmbedderFigures], panels: dict[str, Any]
) -> list[tuple[Any, str, Any, dict[str, Any]]]:
    """(axes, embedder, (101,) TAR, look) of each curve."""
    return [
        (
            panels[kind],
            embedder.name,
            np.array(embedder.sets[kind].curve_tar),
            _look(number),
        )
        for kind in panels
        for number, embedder in enumerate(embedders)
        if kind in embedder.sets
    ]


def _panels(embedders: Sequence[EmbedderFigures]) -> tuple[Any, dict[str, Any]]:
    """A figure and the axes of each set that any embedder has."""
    # Figure without pyplot: no display is needed and no state is left behind.
    from matplotlib.figure import Figure

    kinds = [kind for kind in SETS if any(kind in one.sets for one in embedders)]
    width, height = 0.8 + 3.4 * len(kinds), 3.6
    figure = Figure(figsize=(width, height), dpi=130)
    # Given, because to find them all is drawn twice.
    margins = {"left": 0.7 / width, "right": 1 - 0.15 / width}
    figure.subplots_adjust(**margins, bottom=0.14, top=0.91, wspace=0.14)
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for one, kind in zip(axes, kinds, strict=True):
        one.set(xscale="log", xlabel="false accept rate", xlim=(_SMALLEST_FAR, 1))
        one.set(title=kind)
        one.grid(True, which="major", alpha=0.3)
        # Nine in ten of the marks, and most of the time that drawing takes.
        one.xaxis.minorticks_off()
    return figure, dict(zip(kinds, axes, strict=True))


def _png(figure: Any, panels: dict[str, Any], place: str) -> bytes:
    for axes in panels.values():
        if axes.lines:
            axes.legend(fontsize=8, loc=place)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


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
    draw.text((_GAP_PX, 8), text, fill="black", font=_font(size_px))
    return np.array(row, dtype=np.uint8)


def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file()), size_px)


def _width() -> int:
    return _COLUMNS * (2 * _TILE_PX + _GAP_PX) + _GAP_PX


def _pair_row(kind: str, pairs: Sequence[WorstPair], errors: PrivateErrors) -> Image:
    row = Pillow.new("RGB", (_width(), _TILE_PX + _CAPTION_PX), "white")
    draw, font = ImageDraw.Draw(row), _font(10)
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
