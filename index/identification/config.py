"""Settings of the index stages; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass, field

from masking.errors import InvalidConfig

ENGINES = ("annoy", "exact", "milvus")


@dataclass(frozen=True)
class IdentifyConfig:
    """How a face is searched and when its nearest person is accepted."""

    top_k: int = field(
        default=5, metadata={"help": "Candidates to report, the nearest first."}
    )
    engine: str = field(
        default="annoy",
        metadata={"help": "annoy, exact (compares with everybody) or milvus."},
    )
    uri: str = field(
        default="",
        metadata={"help": "For milvus: http://HOST:19530, or FILE.db for milvus-lite."},
    )
    fpir: float = field(
        default=0.01,
        metadata={"help": "Fraction of impostors that may be given a name."},
    )
    threshold: float = field(
        default=0.0,
        metadata={"help": "Accept below this distance; 0 = by calibration."},
    )
    cards: bool = field(
        default=True, metadata={"help": "Draw a result card for every face."}
    )
    heatmap: bool = field(
        default=False,
        metadata={"help": "Show on cards what the score rests on (half a second)."},
    )

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise InvalidConfig(f"top-k must be at least 1, got {self.top_k}")
        if self.engine not in ENGINES:
            raise InvalidConfig(
                f"unknown engine {self.engine!r}, expected one of {', '.join(ENGINES)}"
            )
        if not 0 < self.fpir < 1:
            raise InvalidConfig(f"fpir must lie between 0 and 1, got {self.fpir}")
        if not 0 <= self.threshold < float("inf"):
            raise InvalidConfig(
                f"threshold is a distance of at least 0, got {self.threshold}"
            )
