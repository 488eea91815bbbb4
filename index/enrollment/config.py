"""Settings of `enroll`; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from masking.settings import Settings, setting


@dataclass(frozen=True)
class EnrollConfig(Settings):
    """What is recorded with the people, and how many processes look for faces."""

    consent: str = setting("", "Note: who agreed to what, and where that is filed.")
    retain_until: str = setting("", "Last day on which they are kept, YYYY-MM-DD.")
    workers: int = setting(
        0, "Processes for --folder and --csv; 0 = one a core.", at_least=0
    )
