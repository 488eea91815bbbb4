"""The rules that keep the code readable, checked on the code itself.

ORDER is where the order of the rooms is written down: a file may import from its own
room and from those above it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ORDER = (
    "masking",
    "masking.files",
    "masking.datasets",
    "masking.faces",
    "masking.masks",
    "masking.rendering",
    "masking.augment",
    "training",
    "training.metrics",
    "training.backbones",
    "training.embedders",
    "training.losses",
    "training.data",
    "training.checkpoints",
    "training.run",
    "index",
    "index.engines",
    "index.gallery.storage",
    "index.gallery",
    "index.datasets",
    "index.calibration",
    "index.search",
    "index.enrollment",
    "index.identification.cards",
    "index.identification",
    "index.api",
    "index.identification.video",
    "index.app",
    "index.evaluation",
    "index.evaluation.report",
    "index.commands.terminal",
    "index.commands.gallery",
    "index.commands",
    "cli",
)
PACKAGES = ("masking", "training", "index")
ROOMS_FOR = (*PACKAGES, "tests", "benchmarks", "tools", "docs")
MOST_ENTRIES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 12, 400, 40
HEAVY = {"torch", "torchvision", "numpy", "cv2", "dlib", "kornia", "annoy"} | {
    "matplotlib",
    "sklearn",
    "PIL",
    "fastapi",
}


def modules() -> Iterator[tuple[str, Path]]:
    """Each module of the product with its room; package files left out."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "__init__.py":
                yield ".".join(path.relative_to(ROOT).parent.parts), path
    yield "cli", ROOT / "cli.py"


def imported_rooms(path: Path) -> Iterator[str]:
    """Rooms of this project that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (room for name in [node.module, *names] for room in rooms(name))
        elif isinstance(node, ast.Import):
            yield from (room for alias in node.names for room in rooms(alias.name))


def rooms(name: str) -> Iterator[str]:
    """The room of a module, nothing for what is no module of the project."""
    if (ROOT / name.replace(".", "/")).with_suffix(".py").is_file():
        yield name.rpartition(".")[0] or name


def test_imports_follow_the_order_of_the_rooms():
    rank = {room: place for place, room in enumerate(ORDER)}
    seen = 0
    for room, path in modules():
        for other in imported_rooms(path):
            if other in rank:
                seen += 1
                assert rank[other] <= rank[room], f"{path} imports from {other}"
    assert seen > 500


def test_every_room_has_its_place_in_the_order():
    assert {room for room, _ in modules()} <= set(ORDER)


def test_rooms_have_few_entries():
    full = {}
    for top in ROOMS_FOR:
        # Before Python 3.11, rglob("*/") gives files as well.
        below = [path for path in (ROOT / top).rglob("*") if path.is_dir()]
        for folder in [ROOT / top, *below]:
            hidden = any(part.startswith((".", "__")) for part in folder.parts)
            if hidden or "sample" in folder.parts:
                continue
            names = [
                path.name
                for path in folder.iterdir()
                if path.name not in ("__init__.py", "py.typed")
                and not path.name.startswith("__pyc")
            ]
            if len(names) > MOST_ENTRIES:
                full[str(folder.relative_to(ROOT))] = len(names)
    assert full == {}


def test_package_files_say_at_most_what_lives_there():
    for top in (*PACKAGES, "benchmarks", "tools"):
        for path in (ROOT / top).rglob("__init__.py"):
            body = ast.parse(path.read_text()).body
            assert len(body) <= 1, path
            assert not body or ast.get_docstring(ast.parse(path.read_text())), path


def test_only_printing_prints():
    """`printing` escapes what names of files and people may hold."""
    found = set()
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id == "print":
                found.add(path.name)
            if isinstance(node, ast.Attribute) and node.attr == "echo":
                found.add(path.name)
    assert found == {"printing.py"}


def test_files_are_read_in_one_sitting():
    sizes = {path: len(path.read_text().splitlines()) for _, path in modules()}
    assert len(sizes) > 80
    long = {path.name: lines for path, lines in sizes.items() if lines > MOST_LINES}
    assert long == {}


def test_functions_do_one_step():
    long = {}
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long[f"{path.name}:{node.name}"] = lines
    assert long == {}


def test_no_test_imports_another():
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert ".test_" not in f".{node.module}", f"{path}: {node.module}"


def test_the_command_line_only_gathers_commands():
    code = (
        "import cli\n"
        "for command in cli.main.commands.values(): print(command.callback.__module__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    found = run.stdout.split()
    assert len(found) > 10
    homes = {name.rpartition(".")[0] for name in found}
    assert homes == {"index.commands", "index.commands.gallery"}


def test_the_command_line_starts_without_heavy_packages():
    code = "import cli, sys; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    loaded = set(run.stdout.split())
    assert "click" in loaded
    assert not loaded & HEAVY
