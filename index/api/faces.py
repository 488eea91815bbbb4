"""Faces of pictures for programs: found, turned upright, embedded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from index.api.pictures import checked_picture
from masking.faces.finder import (
    AlignedFace,
    align_faces,
    default_finder,
    five_point_finder,
)
from masking.landmarks import Image
from training.checkpoints.store import choose_onnx_embedder
from training.embedders.embedded_face import EmbeddedFace, embed_faces

__all__ = ["AlignedFace", "EmbeddedFace", "FaceReader"]


class FaceReader:
    """Finds faces, turns them upright and embeds them.

    Args:
        model: "auto" is what `train` made last in the workspace, else the shipped one;
            "shipped"; "dlib-masked"; "dlib"; or the path of a checkpoint.
        workspace: folder of `train` and `enroll`; need not exist.
        five_points: align by the five points of the detectors, without the landmark
            model, whose training photos exclude commercial use. `landmarks` are then
            those of a mean face.

    Raises:
        MissingInput, BadRecord: the model's file is missing or damaged.

    >>> from index.api.pictures import read_picture, sample_people
    >>> reader = FaceReader("shipped")
    >>> (face,) = reader.find(read_picture(sample_people() / "Person_07" / "1.jpg"))
    >>> face.landmarks.points.shape, face.crop.shape
    ((68, 2), (112, 112, 3))
    >>> (embedded,) = reader.embed([face])
    >>> embedded.embedding.shape
    (512,)
    """

    def __init__(
        self,
        model: str = "auto",
        workspace: Path | str = "workspace",
        five_points: bool = False,
    ):
        self.embedder = choose_onnx_embedder(model, Path(workspace) / "models")
        self.finder = five_point_finder() if five_points else default_finder()

    def find(self, picture: Image, source: str = "picture") -> tuple[AlignedFace, ...]:
        """All faces, the most prominent first; () where there is none.

        Args:
            picture: (H, W, 3) uint8 RGB.
            source: what messages call it.

        Returns:
            `box`, px; `landmarks.points` (68, 2) float32, (x, y) px of the picture;
            `crop` (S, S, 3) uint8 RGB, upright, as the model reads it.
        """
        pixels, shapes = checked_picture(picture), [self.embedder.geometry]
        return align_faces(pixels, source, "", self.finder, shapes).faces

    def embed(self, faces: Sequence[AlignedFace]) -> list[EmbeddedFace]:
        """Each face with its `embedding`, (D,) float32; near means alike.

        Raises:
            BadRecord: the model is damaged and gives no embedding.
        """
        return embed_faces(self.embedder, faces)
