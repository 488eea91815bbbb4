"""Settings of `enroll`; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass, field

from masking.errors import InvalidConfig


@dataclass(frozen=True)
class EnrollConfig:
    """What is recorded with the people, and how many processes look for faces."""

    consent: str = field(
        default="",
        metadata={"help": "Note: who agreed to what, and where that is filed."},
    )
    retain_until: str = field(
        default="",
        metadata={"help": "Last day on which they are kept, YYYY-MM-DD."},
    )
    workers: int = field(
        default=0,
        metadata={"help": "Processes for --folder and --csv; 0 = one a core."},
    )

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise InvalidConfig(f"workers must be at least 0, got {self.workers}")
