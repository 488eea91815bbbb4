"""Settings of `enroll`; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from masking.settings import Settings, setting


@dataclass(frozen=True)
class EnrollConfig(Settings):
    """What is recorded with the people, and how many processes look for faces."""

    consent: str = setting("", "Note: who agreed to what, and where that is filed.")
    retain_until: str = setting("", "Last day on which they are kept, YYYY-MM-DD.")
    face: int = setting(
        0,
        "Of several faces, the one with this number; 0 = the most prominent.",
        at_least=0,
    )
    allow_duplicate: bool = setting(
        False, "Also store a photo that shows somebody of another name."
    )
    workers: int = setting(
        0, "Processes for --folder and --csv; 0 = one a core.", at_least=0
    )
