"""Manifest rows to chips, and these to embeddings.

For training chips are turned, shifted, masked and degraded at random.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm import tqdm

from masking.augment.manifest import Manifest, ManifestRow
from masking.datasets.images import read_rgb
from masking.errors import ToolkitError
from masking.faces.alignment import ChipGeometry, warp
from masking.files.model_files import read_arrays, write_arrays
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import photo_look, render
from masking.workers import interrupts_held
from training.embedders.embedded_face import Embedder, masked_references
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.loss_terms import class_means
from training.metrics.score_normalization import (
    LEAST_PEOPLE,
    MOST_PEOPLE,
    Cohort,
    cohort_of,
)

# Below it, processes take longer to start than they save.
_WORTH_PROCESSES = 1000


@dataclass(frozen=True)
class Degradation:
    """How training chips differ from the recorded ones.

    The defaults are wider than what landmarks on masked faces are off by, which
    is about 5% of the distance between the eyes.

    Attributes:
        turn_deg, scale, shift_px: standard deviations of the misalignment.
        stretch: that of the logarithm of width to height, as of pictures that were
            made to fit a square.
        coarse_fraction: fraction of chips that are reduced and enlarged again.
        jpeg_fraction: fraction that goes through JPEG again.
    """

    turn_deg: float = 3.0
    scale: float = 0.04
    shift_px: float = 2.5
    stretch: float = 0.08
    coarse_fraction: float = 0.2
    jpeg_fraction: float = 0.2


CALM = Degradation(
    turn_deg=0, scale=0, shift_px=0, stretch=0, coarse_fraction=0, jpeg_fraction=0
)
# Landmarks on masked faces are off by about this much.
MISALIGNED = Degradation(
    turn_deg=2, scale=0.03, shift_px=1.5, stretch=0, coarse_fraction=0, jpeg_fraction=0
)


class ChipDataset(Dataset[Any]):
    """Chips of some rows; item (epoch, row) is the same in any process and order.

    Gives (3, S, S) uint8 RGB and the row's index.
    """

    def __init__(
        self,
        folder: Path,
        rows: Sequence[ManifestRow],
        recorded: ChipGeometry,
        wanted: ChipGeometry,
        masked_fraction: float,
        specs: SpecConfig,
        degradation: Degradation,
        seed: int,
    ):
        self._folder = folder
        self._files = [row.chip for row in rows]
        self._names = [row.photo_id for row in rows]
        self._landmarks = np.array(
            [row.chip_landmarks for row in rows], dtype=np.float32
        )
        self._looks = [row.look for row in rows]
        self._recorded_to_wanted = recorded.matrix_to(wanted)
        self._centre = (recorded.size_px - 1) / 2
        self._zoom = wanted.square_px / recorded.square_px
        self._size_px = wanted.size_px
        self._masked_fraction, self._specs = masked_fraction, specs
        self._degradation, self._seed = degradation, seed

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        epoch, index = key
        rng = sample_rng(self._seed, f"{epoch}/{self._names[index]}")
        image = read_rgb(self._folder / self._files[index])
        matrix = self._matrix(rng)
        pixels = warp(image, matrix, self._size_px)
        if rng.random() < self._masked_fraction:
            landmarks = Landmarks(self._landmarks[index]).moved(matrix)
            pixels = render(pixels, landmarks, draw_specs(rng, self._specs)).pixels
        pixels = self._degraded(pixels, rng)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), index

    def _matrix(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Recorded chip px to training chip px, with a random misalignment."""
        degradation = self._degradation
        angle = np.deg2rad(rng.normal(0, 1) * degradation.turn_deg)
        scale = self._zoom * np.exp(rng.normal(0, 1) * degradation.scale)
        turn = scale * np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        centre = np.full(2, self._centre)
        # Not always the middle: a chip may show the face beside it.
        place = self._recorded_to_wanted @ np.append(centre, 1)
        place = place + rng.normal(0, 1, 2) * degradation.shift_px
        wider = np.exp(rng.normal(0, 1) * degradation.stretch / 2)
        turn = np.diag([wider, 1 / wider]) @ turn
        shift = place - turn @ centre
        return np.hstack([turn, shift[:, None]])

    def _degraded(self, pixels: Image, rng: np.random.Generator) -> Image:
        """Low resolution and JPEG blocks, as in small and sent photographs."""
        if rng.random() < self._degradation.coarse_fraction:
            side = int(self._size_px * rng.uniform(0.3, 0.8))
            size = (self._size_px, self._size_px)
            small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
            large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
            pixels = np.asarray(large, dtype=np.uint8)
        if rng.random() < self._degradation.jpeg_fraction:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))]
            _, data = cv2.imencode(".jpg", pixels, quality)
            pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
        return pixels


class UnmaskedChips(ChipDataset):
    """Chips before masks are rendered: a device renders them in batches.

    Gives a (3, S, S) uint8 RGB chip, misaligned by chance, its (68, 2) landmarks in
    its px, the LOOK_LENGTH numbers of its light, and the row's index.
    """

    def __getitem__(  # type: ignore[override]
        self, key: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        epoch, index = key
        rng = sample_rng(self._seed, f"{epoch}/{self._names[index]}")
        image = read_rgb(self._folder / self._files[index])
        matrix = self._matrix(rng)
        landmarks = Landmarks(self._landmarks[index]).moved(matrix)
        look = (
            self._looks[index]
            or photo_look(image, Landmarks(self._landmarks[index])).to_list()
        )
        pixels = warp(image, matrix, self._size_px)
        return (
            torch.from_numpy(pixels.transpose(2, 0, 1).copy()),
            torch.from_numpy(landmarks.points.copy()),
            torch.tensor(look),
            index,
        )


class InOrder(Sampler[list[tuple[int, int]]]):
    """Batches of all rows in order, the last short one included."""

    def __init__(self, count: int, batch_size: int):
        self._count, self._batch = count, batch_size

    def __len__(self) -> int:
        return -(-self._count // self._batch)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for start in range(0, self._count, self._batch):
            stop = min(start + self._batch, self._count)
            yield [(0, row) for row in range(start, stop)]


def start_worker(_: int) -> None:
    """One thread a process: OpenCV's own would only wait for each other."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def loaded(loader: DataLoader[Any]) -> Iterator[Any]:
    """The batches of a `chip_loader`.

    Raises:
        ToolkitError: a chip cannot be read, or the system killed a process.
    """
    with interrupts_held():
        batches = iter(loader)
    try:
        yield from batches
    except ToolkitError as error:
        # Of one in another process, torch makes a text that ends with "TYPE: MESSAGE".
        last = str(error).strip().rpartition("\n")[2]
        kind = type(error)
        name = f"{kind.__module__}.{kind.__name__}: "
        raise kind(last.removeprefix(name)) from error
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise ToolkitError(
            "a process that reads chips was killed, most likely because memory ran "
            "out. Close other programs, or run again with fewer --workers."
        ) from error


def chip_loader(
    chips: ChipDataset,
    batches: Sampler[list[tuple[int, int]]],
    workers: int,
    pinned: bool = False,
) -> DataLoader[Any]:
    """Batches of what the data set gives, made in other processes; see `loaded`.

    Args:
        workers: processes; few chips are made in this one, because a process
            needs seconds to start.
        pinned: for faster copies to a GPU.
    """
    count = workers if len(chips) > _WORTH_PROCESSES else 0
    # In this process too: chips are small, and its threads would spin in between.
    cv2.setNumThreads(1)
    return DataLoader(
        chips,
        batch_sampler=batches,
        num_workers=count,
        worker_init_fn=start_worker,
        multiprocessing_context="spawn" if count else None,
        persistent_workers=count > 0,
        pin_memory=pinned,
    )


_BATCH = 64
# Of the files that `unmasked_embeddings` keeps.
_VERSION = 1
# Of one person, more tell hardly anything more about where people are.
_PHOTOS = 2


def embed_rows(
    manifest: Manifest,
    rows: Sequence[ManifestRow],
    embedder: Embedder,
    workers: int,
    masked_fraction: float = 0.0,
    specs: SpecConfig | None = None,
    degradation: Degradation = CALM,
    seed: int = 0,
    label: str = "embed",
    masked_reference: bool = False,
) -> Float32:
    """(N, D) float32 embeddings of the rows' chips, as recorded by default.

    Args:
        masked_fraction: 1 renders a mask on every chip, drawn by (seed, photo_id).
        masked_reference: give what masked faces are compared with.
    """
    chips = ChipDataset(
        manifest.folder,
        rows,
        manifest.geometry,
        embedder.geometry,
        masked_fraction,
        specs or SpecConfig(),
        degradation,
        seed,
    )
    loader = chip_loader(chips, InOrder(len(chips), _BATCH), workers)
    parts = [np.empty((0, embedder.dimension), dtype=np.float32)]
    for batch, _ in tqdm(
        loaded(loader), label, len(loader), unit="batch", disable=None, leave=False
    ):
        pixels = batch.numpy()
        found = embedder.embed(pixels)
        parts.append(
            masked_references(embedder, pixels, found) if masked_reference else found
        )
    return np.concatenate(parts)


def unmasked_embeddings(
    manifest: Manifest, embedder: Embedder, workers: int, cache: Path
) -> Float32:
    """(N, D) embeddings of all unmasked chips of a manifest: `faces`, then the others.

    They are computed once: the cache file's name holds the embedder's fingerprint
    and the manifest's SHA-256, so that a change of either makes a new one.
    """
    name = f"unmasked-{embedder.fingerprint[:16]}-{manifest.sha256[:16]}.npz"
    path, rows = cache / name, [*manifest.faces(), *manifest.unlabelled_faces()]
    # Damaged, it is made again; an archive holds a checksum of its content.
    with suppress(ToolkitError):
        (kept,) = read_arrays(path, "the kept embeddings", _VERSION, ("unmasked",))
        if kept.shape == (len(rows), embedder.dimension):
            return np.asarray(kept, dtype=np.float32)
    embeddings = embed_rows(manifest, rows, embedder, workers, label="unmasked chips")
    write_arrays(path, _VERSION, unmasked=embeddings)
    return embeddings


def cohort_of_rows(
    manifest: Manifest,
    rows: Sequence[ManifestRow],
    embedder: NetworkEmbedder,
    workers: int,
    seed: int,
) -> Cohort | None:
    """A cohort of the people of some rows; None for fewer than LEAST_PEOPLE.

    Each collection has members of its own, see `cohort_of`.

    Args:
        embedder: averages over mirror images, as all do that look for somebody.
        seed: of the random draw that draws people where there are very many.
    """
    people = sorted({row.identity for row in rows})
    if len(people) < LEAST_PEOPLE:
        return None
    if len(people) > MOST_PEOPLE:
        drawn = np.random.default_rng(seed).permutation(len(people))[:MOST_PEOPLE]
        people = [people[number] for number in sorted(drawn)]
    number = {name: index for index, name in enumerate(people)}
    counts: Counter[str] = Counter()
    chosen = []
    for row in rows:
        counts[row.identity] += 1
        if row.identity in number and counts[row.identity] <= _PHOTOS:
            chosen.append(row)
    # Masked references, as they are near to unmasked faces and to masked ones alike.
    found = embed_rows(
        manifest, chosen, embedder, workers, label="cohort", masked_reference=True
    )
    labels = torch.tensor([number[row.identity] for row in chosen])
    means = class_means(torch.from_numpy(found), labels, len(people))
    place = {row.identity: row.collection for row in chosen}
    return cohort_of(means.numpy(), seed, [place[name] for name in people], found)
