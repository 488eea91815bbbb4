"""Letters that DejaVu has not are drawn in another font, or written as escapes."""

from pathlib import Path

import matplotlib
import pytest

from index.identification.cards import canvas
from index.identification.cards.canvas import text_width

SHIPPED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
# In STIXGeneral and not in DejaVu: Latin small letter k with palatal hook.
HOOKED = "\u1d84"


@pytest.fixture
def machine(monkeypatch):
    """Gives the fonts of the machine."""

    def has(*names):
        found = tuple(SHIPPED / name for name in names)
        monkeypatch.setattr(canvas, "_fonts_of_machine", lambda bold: found)
        canvas._file_for.cache_clear()

    yield has
    monkeypatch.undo()
    canvas._file_for.cache_clear()


def test_the_first_font_that_has_all_letters_is_taken(machine):
    machine("cmr10.ttf", "STIXGeneral.ttf")
    assert canvas.drawable(f"Zo\u00eb {HOOKED}") == f"Zo\u00eb {HOOKED}"
    assert Path(str(canvas.font_for(f"Zo\u00eb {HOOKED}", 20, True).path)).name == (
        "STIXGeneral.ttf"
    )
    assert canvas.has_font(HOOKED)
    # Arabic is in DejaVu: no other font is looked for.
    assert Path(str(canvas.font_for("محمد", 20, False).path)).name == "DejaVuSans.ttf"


def test_letters_that_no_font_has_are_escaped(machine):
    machine("cmr10.ttf")
    assert canvas.drawable("李 Zo\u00eb") == "\\u674e Zo\u00eb"
    assert not canvas.has_font("李 Zo\u00eb")
    assert canvas.has_font("two\nlines") and canvas.has_font("")


def test_a_damaged_font_is_passed_over(machine, tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    machine(tmp_path / "broken.ttf", "STIXGeneral.ttf")
    assert canvas.drawable(HOOKED) == HOOKED


def test_fonts_without_serifs_come_first(monkeypatch):
    names = [
        "b/NotoSerif.ttf",
        "a/NotoSans-Bold.ttf",
        "a/NotoSans.ttf",
        "LastResort.otf",
    ]
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: names)
    canvas._fonts_of_machine.cache_clear()
    try:
        ordered = [[p.stem for p in canvas._fonts_of_machine(b)] for b in (False, True)]
    finally:
        canvas._fonts_of_machine.cache_clear()
    assert ordered == [
        ["NotoSans", "NotoSans-Bold", "NotoSerif"],
        ["NotoSans-Bold", "NotoSans", "NotoSerif"],
    ]


def test_line_breaks_and_halves_of_letters_are_replaced():
    assert canvas.drawable("a\nb\udcff") == "a\ufffdb\ufffd"
    assert text_width("ab", 20) > text_width("a", 20) > 0
