"""Runs dlib's network with numpy: a process that needs a few faces starts at once.

Importing torch costs more than two seconds of CPU time, embedding one face a
hundredth of one. The embeddings are those of `NetworkEmbedder`, up to rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from masking.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.checkpoint_file import read_file
from training.cohort import Cohort
from training.dlib_layout import BLOCKS, DIMENSION
from training.embedder import DLIB_BACKBONE, weights_fingerprint

# The maps of a few chips fit into the processor's cache, those of many do not.
_BATCH = 4
_NINE = tuple(itertools.product(range(3), range(3)))


class NeedsTorch(Exception):
    """A network that only torch runs."""


class PlainEmbedder:
    """A trained network that implements `training.embedder.Embedder` without torch.

    Embeds a chip as the mean of itself and its mirror image, as `choose_embedder` does.
    """

    def __init__(
        self,
        weights: Mapping[str, Float32],
        name: str,
        geometry: Any,
        cohort: Cohort | None = None,
    ):
        """
        Args:
            weights: `state_dict` of a `DlibFaceNet`.
            geometry: the ChipGeometry that the network was trained on.
            cohort: of its embeddings, see `Embedder`.

        Raises:
            KeyError, ValueError: weights of another network.
        """
        self.name = name
        self.dimension = DIMENSION
        self.metric = "euclidean"
        self.geometry: ChipGeometry = geometry
        self.cohort = cohort
        self.fingerprint = weights_fingerprint(
            weights, geometry, True, DLIB_BACKBONE, cohort
        )
        # Products this small are done before a second thread has woken up, and on a
        # busy machine waiting for it takes thirty times as long.
        self._threads = ThreadpoolController()
        self._mean = weights["stem.mean"]
        self._project = weights["head.project.weight"].T
        self._convolutions = {
            key.removesuffix(".weight"): _Convolution(
                values, weights[key.removesuffix("weight") + "bias"]
            )
            for key, values in weights.items()
            if values.ndim == 4
        }
        if len(self._convolutions) != 1 + 2 * len(BLOCKS):
            raise ValueError(f"{len(self._convolutions)} convolutions")

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, 128) float32 embeddings.

        Raises:
            ValueError: another shape or type.
        """
        side = self.geometry.size_px
        if chips.shape[1:] != (3, side, side) or chips.dtype != np.uint8:
            raise ValueError(
                f"expected (N, 3, {side}, {side}) uint8 chips, got {chips.shape} "
                f"{chips.dtype}"
            )
        embeddings = np.empty((len(chips), DIMENSION), dtype=np.float32)
        with self._threads.limit(limits=1, user_api="blas"):
            for start in range(0, len(chips), _BATCH):
                batch = slice(start, start + _BATCH)
                some = chips[batch]
                both = self._embed_batch(some) + self._embed_batch(some[..., ::-1])
                embeddings[batch] = both / np.float32(2)
        return embeddings

    def _embed_batch(self, chips: Image) -> Float32:
        rows = np.ascontiguousarray(chips.transpose(0, 2, 3, 1)).astype(np.float32)
        maps = (rows - self._mean) / np.float32(256)
        maps = _relu(self._convolutions["stem.first"].apply(maps, stride=2, padding=0))
        maps = np.maximum.reduce(_shifted(maps, _NINE, 3, 2))
        for number, (_, halve) in enumerate(BLOCKS):
            maps = self._block(maps, f"blocks.{number}", halve)
        return np.asarray(maps.mean(axis=(1, 2)) @ self._project, dtype=np.float32)

    def _block(self, maps: Float32, name: str, halve: bool) -> Float32:
        # dlib pads stride-2 convolutions with nothing, unlike usual ResNets.
        stride, padding = (2, 0) if halve else (1, 1)
        first, second = (self._convolutions[f"{name}.{part}"] for part in _PARTS)
        main = second.apply(_relu(first.apply(maps, stride, padding)), 1, 1)
        if not halve:
            return _relu(main + maps)
        corners = tuple(itertools.product(range(2), range(2)))
        skip = sum(_shifted(maps, corners, 2, 2)) / np.float32(4)
        # dlib fills whatever either path lacks with zeros; see dlib_network.Block.
        total = np.zeros((*skip.shape[:3], main.shape[3]), dtype=np.float32)
        total[..., : skip.shape[3]] = skip
        total[:, : main.shape[1], : main.shape[2]] += main
        return _relu(total)


_PARTS = ("first", "second")


class _Convolution:
    """One convolution as a product of matrices, channels last."""

    def __init__(self, filters: Float32, bias: Float32):
        outputs, _, self._side, _ = filters.shape
        self._matrix = np.ascontiguousarray(
            filters.transpose(2, 3, 1, 0).reshape(-1, outputs)
        )
        self._bias = bias
        self._places = tuple(itertools.product(range(self._side), range(self._side)))

    def apply(self, maps: Float32, stride: int, padding: int) -> Float32:
        """(N, H, W, C) maps to (N, h, w, K)."""
        if padding:
            edge = (padding, padding)
            maps = np.pad(maps, ((0, 0), edge, edge, (0, 0)))
        windows = np.concatenate(
            _shifted(maps, self._places, self._side, stride), axis=3
        )
        # One product: numpy would multiply row by row of the maps.
        flat = windows.reshape(-1, windows.shape[3]) @ self._matrix
        flat += self._bias
        return np.asarray(flat.reshape(*windows.shape[:3], -1), dtype=np.float32)


def _shifted(
    maps: Float32, places: tuple[tuple[int, int], ...], side: int, stride: int
) -> list[Float32]:
    """What each place of a window sees, for all windows of a stride; views."""
    down, across = (stride * ((n - side) // stride) + 1 for n in maps.shape[1:3])
    return [maps[:, y : y + down : stride, x : x + across : stride] for y, x in places]


def _relu(maps: Float32) -> Float32:
    return np.maximum(maps, 0, out=maps)


def load_plain_embedder(path: Path) -> PlainEmbedder:
    """The embedder of a checkpoint, named after its file.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, or damaged.
        NeedsTorch: it holds another network.
    """
    record, weights = read_file(path)
    if record.backbone != DLIB_BACKBONE:
        raise NeedsTorch(f"it is a {record.backbone} network")
    try:
        return PlainEmbedder(weights, path.stem, record.geometry, record.cohort)
    except (KeyError, ValueError) as error:
        raise NeedsTorch(f"it holds another network ({error})") from error
