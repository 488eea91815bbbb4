"""Settings of `identify`; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from index.search.config import Engine
from masking.settings import Settings, setting


@dataclass(frozen=True)
class IdentifyConfig(Settings):
    """How a face is searched and when its nearest person is accepted."""

    top_k: int = setting(5, "Candidates to report, the nearest first.", at_least=1)
    engine: Engine = setting(
        "annoy", "How the gallery is searched; exact compares with everybody."
    )
    uri: str = setting("", "For milvus: http://HOST:19530, or FILE.db for milvus-lite.")
    fpir: float = setting(
        0.01, "Fraction of impostors that may be given a name.", above=0, below=1
    )
    threshold: float = setting(
        0.0,
        "Accept from this score on; 0 is the calibrated threshold.",
        at_least=-1000,
    )
    cards: bool = setting(True, "Draw a result card for every face.")
    heatmap: bool = setting(
        False, "Show on cards what the score rests on (half a second)."
    )


@dataclass(frozen=True)
class VideoConfig(Settings):
    """Which frames of a video are read."""

    every: int = setting(5, "Videos: read every n-th frame.", at_least=1)
    seconds: float = setting(
        0.0, "Videos: stop after so many seconds; 0 = at the end.", at_least=0
    )
