"""Imports everything that commands import late, so that children start warm."""

from __future__ import annotations

import importlib
import pkgutil

PACKAGES = ("masking", "training", "index")
# Of extras that need not be installed, or that start threads.
_EXTRAS = ("index.app", "milvus", "tensorboard", "timm", "onnx")


def import_all() -> None:
    """Import the toolkit's modules, but for those of extras."""
    importlib.import_module("cli")
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not any(extra in module.name for extra in _EXTRAS):
                importlib.import_module(module.name)
