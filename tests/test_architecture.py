"""The rules that keep the code readable, checked on the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ORDER = {"masking": 0, "training": 1, "index": 2, "cli": 3}
HEAVY = {"torch", "torchvision", "numpy", "cv2", "dlib", "kornia", "annoy"} | {
    "matplotlib",
    "sklearn",
    "PIL",
    "gradio",
}


def modules():
    for layer in ("masking", "training", "index"):
        yield from ((layer, path) for path in sorted((ROOT / layer).glob("*.py")))
    yield "cli", ROOT / "cli.py"


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def test_imports_point_one_way():
    seen = 0
    for layer, path in modules():
        for name in imported(path):
            if name in ORDER:
                seen += 1
                assert ORDER[name] <= ORDER[layer], f"{path} imports {name}"
    assert seen > 50


def test_package_files_are_empty():
    for layer in ("masking", "training", "index"):
        assert (ROOT / layer / "__init__.py").read_text() == ""


def test_all_is_printed_in_one_place():
    """`printing` escapes what names of files and people may hold."""
    printing = set()
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id == "print":
                printing.add(path.name)
            if isinstance(node, ast.Attribute) and node.attr == "echo":
                printing.add(path.name)
    assert printing == {"printing.py"}


def test_files_are_read_in_one_sitting():
    sizes = {path: len(path.read_text().splitlines()) for _, path in modules()}
    assert len(sizes) > 80
    assert {path.name: lines for path, lines in sizes.items() if lines > 250} == {}


def test_the_command_line_starts_without_heavy_packages():
    code = "import cli, sys; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    loaded = set(run.stdout.split())
    assert "click" in loaded
    assert not loaded & HEAVY
