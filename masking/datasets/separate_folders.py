"""Keeps what is read and what is written in folders of their own."""

from __future__ import annotations

from pathlib import Path

from masking.errors import InvalidConfig


def refuse_overlap(read: Path, written: Path) -> None:
    """Links are followed: what counts is where the folders really lie.

    Args:
        read: folder of photographs.
        written: folder that gets pictures, which may not be there yet.

    Raises:
        InvalidConfig: one of them lies in the other, or they are one.
    """
    source, out = read.resolve(), written.resolve()
    if out.is_relative_to(source):
        raise InvalidConfig(
            f"{written}: lies in the folder of photographs {read}, so that pictures "
            "made here would be taken for photographs. Choose another place for them."
        )
    if source.is_relative_to(out):
        raise InvalidConfig(
            f"{read}: lies in {written}, where pictures are written and replaced. "
            "Expected photographs in a folder of their own: move them or choose "
            "another place for what is made."
        )
