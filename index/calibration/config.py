"""Settings of `calibrate`; imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from masking.settings import Settings, setting


@dataclass(frozen=True)
class CalibrateConfig(Settings):
    """How impostors are turned into thresholds."""

    masks: int = setting(3, "Masks to render on each photo of an impostor.", at_least=1)
    validation_fraction: float = setting(
        0.1,
        "Fraction of the last augment's people that train held out.",
        above=0,
        below=1,
    )
    validation_seed: int = setting(
        0, "Of that choice of people, as given to train.", at_least=0
    )
    fpir: float = setting(
        0.01, "For --check: the FPIR that is wanted.", above=0, below=1
    )
    workers: int = setting(
        0, "Processes that find faces; 0 = one a CPU core.", at_least=0
    )
