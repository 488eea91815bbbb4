"""Settings of identification in videos; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass, field

from masking.errors import InvalidConfig


@dataclass(frozen=True)
class VideoConfig:
    """Which frames of a video are looked at, and when two faces are one track."""

    every: int = field(
        default=5, metadata={"help": "Videos: look at every n-th frame."}
    )
    seconds: float = field(
        default=0.0,
        metadata={"help": "Videos: stop after so many seconds; 0 = at the end."},
    )
    gap_s: float = field(
        default=1.0,
        metadata={"help": "Videos: a face that is away for longer is a new track."},
    )
    overlap: float = field(
        default=0.3,
        metadata={"help": "Videos: shared part of two boxes that are one track."},
    )

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InvalidConfig(f"every must be at least 1, got {self.every}")
        for name in ("seconds", "gap_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidConfig(
                    f"{name} is a time of at least 0, got {getattr(self, name)}"
                )
        if not 0 < self.overlap <= 1:
            raise InvalidConfig(f"overlap must lie in (0, 1], got {self.overlap}")
