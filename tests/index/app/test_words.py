"""The page's own words: no message that can reach it names a command."""

import ast
import re
from pathlib import Path

import pytest

from index.app.words import in_page_words

ROOT = Path(__file__).parents[3]
# Whose messages the page can show.
ROOMS = (
    *("masking/faces", "index/gallery", "index/search", "index/enrollment"),
    *("index/identification", "index/app", "training/embedders"),
)
FILES = ("index/calibration/decision.py", "index/calibration/calibration.py")
# Reached from a terminal alone.
ELSEWHERE = {"words.py", "server.py", "sources.py", "config.py", "milvus_source.py"}
# The same of messages about a command's arguments.
ARGUMENTS = re.compile("^enroll takes a name|is taken for a name, and no photo")
COMMAND = re.compile(r"cli\.py|pip install|(^|\s)--[a-z]")


def messages(path):
    """Texts of a file but docstrings; X stands for what is filled in."""
    tree = ast.parse(path.read_text())
    nodes = [*ast.walk(tree)]
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    whole = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    skipped |= {id(part) for node in whole for part in node.values}
    for formatted in whole:
        parts = [getattr(part, "value", "X") for part in formatted.values]
        yield "".join(part if isinstance(part, str) else "X" for part in parts)
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in skipped:
            yield str(node.value)


def reachable():
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    for path in [*paths, *(ROOT / name for name in FILES)]:
        if path.name not in ELSEWHERE:
            found = filter(COMMAND.search, messages(path))
            yield from (text for text in found if not ARGUMENTS.search(text))


def test_no_message_that_the_page_can_show_names_a_command():
    found = [*reachable()]
    assert len(found) > 15
    for text in found:
        said = in_page_words(text)
        assert not COMMAND.search(said), text
        assert said.endswith((".", "X")), text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "/home/a.b/gallery.sqlite was enrolled with embedder 0a1b, but the model "
            "in use is 2c3d. Use that model, or embed the stored photos again: python "
            "cli.py gallery rebuild --model MODEL",
            "The stored photos belong to another model (0a1b) than the one in use "
            "(2c3d). Start the program with that model, or embed the stored photos "
            "again.",
        ),
        (
            "w/gallery: nobody is enrolled. Run: python cli.py enroll",
            "Nobody is enrolled yet: begin with the tab Enroll.",
        ),
        (
            "red.png: this face looks like Red, who is enrolled. Give that name, or "
            "--allow-duplicate to store it as Ruby.",
            "red.png: this face looks like Red, who is enrolled. Give that name, or "
            "store it as Ruby all the same.",
        ),
        (
            "'A' has photos 1 to 3, none with the number 4. See: python cli.py gallery "
            "show",
            "'A' has photos 1 to 3, none with the number 4.",
        ),
        (
            "nothing was measured for this model; run: python cli.py calibrate",
            "nothing was measured for this model.",
        ),
        # Names that look like options stay.
        ("a --model.jpg: no face found.", "a --model.jpg: no face found."),
    ],
)
def test_remedies_are_those_of_the_page(text, words):
    assert in_page_words(text) == words
