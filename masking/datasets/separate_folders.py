"""Keeps what is read and what is written apart."""

from __future__ import annotations

from pathlib import Path

from masking.errors import InvalidConfig
from masking.files.picture_kinds import OTHER_SUFFIXES, SUFFIXES


def refuse_overlap(read: Path, written: Path) -> None:
    """Links are followed: what counts is where the folders really lie.

    Args:
        read: folder of photographs.
        written: folder that gets pictures, which may not be there yet.

    Raises:
        InvalidConfig: one of them lies in the other, or they are one.
    """
    refuse_inside(read, written)
    if read.resolve().is_relative_to(written.resolve()):
        raise InvalidConfig(
            f"{read}: lies in {written}, where pictures are written and replaced. "
            "Expected photographs in a folder of their own: move them, or choose "
            "another --workspace or --out."
        )


def refuse_inside(read: Path, written: Path) -> None:
    """Half of `refuse_overlap`, for what is read alone.

    Raises:
        InvalidConfig: `written` lies in the folder `read`, or they are one.
    """
    if read.is_dir() and written.resolve().is_relative_to(read.resolve()):
        raise InvalidConfig(
            f"{written}: lies in the folder of photographs {read}, so that pictures "
            "made here would be taken for photographs. Choose another --workspace or "
            "--out."
        )


def refuse_picture(written: Path) -> None:
    """A photograph in the place of a table or a model is a slip of the hand.

    Raises:
        InvalidConfig: the file to write is named like a photograph.
    """
    if written.suffix.lower() in SUFFIXES | OTHER_SUFFIXES:
        raise InvalidConfig(
            f"{written}: is named like a photograph, which would be replaced. Expected "
            "the name of the file to write."
        )
