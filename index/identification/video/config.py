"""Settings of identification in videos; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from masking.settings import Settings, setting


@dataclass(frozen=True)
class VideoConfig(Settings):
    """Which frames of a video are read."""

    every: int = setting(5, "Videos: read every n-th frame.", at_least=1)
    seconds: float = setting(
        0.0, "Videos: stop after so many seconds; 0 = at the end.", at_least=0
    )
