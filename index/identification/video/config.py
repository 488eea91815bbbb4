"""Settings of identification in videos; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from masking.settings import Settings, setting


@dataclass(frozen=True)
class VideoConfig(Settings):
    """Which frames of a video are read, and when two faces are one track."""

    every: int = setting(5, "Videos: read every n-th frame.", at_least=1)
    seconds: float = setting(
        0.0, "Videos: stop after so many seconds; 0 = at the end.", at_least=0
    )
    gap_s: float = setting(
        1.0, "Videos: a face that is away for longer is a new track.", at_least=0
    )
    overlap: float = setting(
        0.3,
        "Videos: intersection over union of two boxes of one track.",
        above=0,
        at_most=1,
    )
