"""The rules that keep the code readable, checked on the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = {"masking": 0, "training": 1, "index": 2, "cli": 3}
HEAVY = {"torch", "torchvision", "numpy", "cv2", "dlib", "kornia", "annoy"} | {
    "matplotlib",
    "sklearn",
    "PIL",
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


def test_only_the_command_line_prints():
    for layer, path in modules():
        if layer == "cli":
            continue
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert "print" not in calls, path


def test_the_command_line_starts_without_heavy_packages():
    code = "import cli, sys; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    loaded = set(run.stdout.split())
    assert "click" in loaded
    assert not loaded & HEAVY
