"""Reads a checkpoint's content without torch, whose import takes seconds.

`torch.save` writes a ZIP archive: data.pkl says what there is, data/N holds the bytes
of one tensor. Source: torch/serialization.py. The pickle may name four things and is
refused when it names another, as torch's own `weights_only` does.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
_DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2"}


class NeedsTorch(Exception):
    """Holds more than plain values and whole float tensors: only torch reads it."""


def read_plain(content: bytes) -> Any:
    """What `torch.save` was given, tensors as arrays of float32 or float16.

    Raises:
        NeedsTorch: other types, views of tensors, or another format than today's.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            record = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            folder = record.removesuffix("data.pkl")
            if archive.read(f"{folder}byteorder") != b"little":
                raise NeedsTorch("its numbers are not little-endian")
            return _Reader(archive, folder).load()
    except NeedsTorch:
        raise
    # Damaged archives and pickles raise many types; torch says what is wrong.
    except Exception as error:
        raise NeedsTorch(str(error)) from error


class _Reader(pickle.Unpickler):
    """Builds dicts, lists, plain values and arrays, and calls nothing else."""

    def __init__(self, archive: zipfile.ZipFile, folder: str):
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        """The few things that a checkpoint is made of."""
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _whole_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise NeedsTorch(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Array:
        """The numbers of one storage."""
        _, dtype, key, _, count = pid
        values = np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype)
        if len(values) != count:
            raise NeedsTorch(f"storage {key} holds {len(values)} numbers, not {count}")
        return values


def _whole_tensor(
    storage: Array, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Array:
    """A tensor that is all of its storage, row by row."""
    rows = tuple(math.prod(size[axis + 1 :]) for axis in range(len(size)))
    if offset or stride != rows or math.prod(size) != len(storage):
        raise NeedsTorch("it holds a view of a tensor")
    return storage.reshape(size)
