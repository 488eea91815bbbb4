"""Which font draws a text: DejaVu, else one of the machine that has all its letters."""

from __future__ import annotations

import importlib.util
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

from masking.errors import MissingInput

# Nothing is to be seen of them.
_UNSEEN = frozenset({"Cf", "Zs"})
# A font answers it with the sign for letters that it has not.
_NO_LETTER = "\U0010fffe"
# Has boxes for all letters.
_LAST_RESORT = "lastresort"


def font_for(text: str, size_px: int, bold: bool) -> ImageFont.FreeTypeFont:
    """The font for a text that `drawable` gave."""
    found = _file_for(frozenset(text), bold) or _dejavu(bold)
    return _loaded(str(found), size_px)


def drawable(text: str) -> str:
    """The text as it can be drawn in one line.

    Line breaks and halves of letters are replaced. Where no font of this machine has
    all letters, those that DejaVu has not are written as Python does, such as \\u674e.
    """
    text = "".join(
        "\ufffd" if unicodedata.category(letter) in ("Cc", "Cs") else letter
        for letter in text
    )
    if _file_for(frozenset(text), False):
        return text
    plain = str(_dejavu(False))
    return "".join(
        letter
        if _draws(plain, letter)
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def has_font(text: str) -> bool:
    """Whether `drawable` leaves all letters as they are that are no line breaks."""
    # A letter is replaced by one, or written as several.
    return len(drawable(text)) == len(text)


@lru_cache(maxsize=1000)
def _file_for(letters: frozenset[str], bold: bool) -> Path | None:
    """None where no font has all the letters."""
    own = _dejavu(bold)
    if all(_draws(str(own), letter) for letter in letters):
        return own
    for path in _fonts_of_machine(bold):
        if all(_draws(str(path), letter) for letter in letters):
            return path
    return None


@cache
def _fonts_of_machine(bold: bool) -> tuple[Path, ...]:
    """Without serifs first, then of the wanted weight."""
    # Imported only for letters that DejaVu has not: it takes half a second.
    from matplotlib.font_manager import findSystemFonts

    def order(path: Path) -> tuple[bool, bool, str]:
        name = path.name.lower()
        return "sans" not in name, ("bold" in name) is not bold, name

    found = {Path(name) for name in findSystemFonts()}
    usable = [path for path in found if _LAST_RESORT not in path.name.lower()]
    return tuple(sorted(usable, key=order))


@cache
def _draws(path: str, letter: str) -> bool:
    if letter.isascii() or unicodedata.category(letter) in _UNSEEN:
        return True
    try:
        return _glyph(path, letter) != _glyph(path, _NO_LETTER)
    except OSError:
        # A damaged file, or one of coloured pictures, which have one size only.
        return False


def _glyph(path: str, letter: str) -> tuple[tuple[int, int], bytes]:
    # Laid out simply: Raqm sets a circle below a lone accent.
    mask = _loaded(path, 16, ImageFont.Layout.BASIC).getmask(letter)
    return mask.size, bytes(mask)


@cache
def _loaded(
    path: str, size_px: int, layout: ImageFont.Layout | None = None
) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px, layout_engine=layout)


@cache
def _dejavu(bold: bool) -> Path:
    # Located, not imported: importing matplotlib takes a fifth of a second. Its
    # DejaVu covers Latin, Greek, Cyrillic, Arabic and more on every machine.
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise MissingInput("the card's font is missing. Run: pip install matplotlib")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
