"""Settings of `evaluate` and `embed`; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass, field

from masking.errors import InvalidConfig

ON_NO_FACE = ("fail", "crop")
_ON_NO_FACE_HELP = (
    "Photographs without a detected face: fail counts them as failures to acquire, "
    "crop takes the whole picture as a face cut-out and counts them apart."
)
_WORKERS_HELP = "Processes that detect faces; 0 = one a CPU core."
_BATCH_HELP = "Chips that are embedded at once."


@dataclass(frozen=True)
class EmbedConfig:
    """How the faces of a folder are turned into embeddings."""

    on_no_face: str = field(default="fail", metadata={"help": _ON_NO_FACE_HELP})
    workers: int = field(default=0, metadata={"help": _WORKERS_HELP})
    batch_size: int = field(default=64, metadata={"help": _BATCH_HELP})

    def __post_init__(self) -> None:
        _check(self.on_no_face, self.workers, self.batch_size)


@dataclass(frozen=True)
class EvaluateConfig:
    """How verification and identification are measured."""

    on_no_face: str = field(default="fail", metadata={"help": _ON_NO_FACE_HELP})
    redetect: bool = field(
        default=True,
        metadata={
            "help": "Find faces again under synthetic masks, as for real ones; without "
            "it they are aligned by the landmarks of the unmasked face."
        },
    )
    kinds: str = field(
        default="all",
        metadata={"help": "Kinds of mask to render, separated by commas."},
    )
    unseen: str = field(
        default="",
        metadata={
            "help": "Kinds of mask that are reported as unseen in training, separated "
            "by commas; without it those that the models' records do not list."
        },
    )
    mixed: bool = field(
        default=False,
        metadata={
            "help": "Also compare masked faces by each model with unmasked faces by "
            "dlib's network, as in a gallery that was enrolled with it."
        },
    )
    covered: bool = field(
        default=True,
        metadata={
            "help": "Also compare masked faces as galleries do: with unmasked faces "
            "that were embedded once more under a synthetic mask."
        },
    )
    cohorts: bool = field(
        default=True,
        metadata={
            "help": "Compare as a model's cohort asks for, as galleries do; without it "
            "by plain distances, as users of the exported networks do."
        },
    )
    max_pairs: int = field(
        default=20_000_000,
        metadata={
            "help": "Pairs compared in a set, about 120 bytes of memory each; of more, "
            "a random sample."
        },
    )
    seed: int = field(
        default=0,
        metadata={"help": "Draws synthetic masks, folds, intervals, samples."},
    )
    rounds: int = field(
        default=200, metadata={"help": "Bootstrap rounds of the intervals; 0 = none."}
    )
    workers: int = field(default=0, metadata={"help": _WORKERS_HELP})
    batch_size: int = field(default=64, metadata={"help": _BATCH_HELP})

    def __post_init__(self) -> None:
        _check(self.on_no_face, self.workers, self.batch_size)
        if self.seed < 0:
            raise InvalidConfig(f"seed must not be negative, got {self.seed}")
        if self.rounds < 0:
            raise InvalidConfig(f"rounds must not be negative, got {self.rounds}")
        if self.max_pairs < 1000:
            raise InvalidConfig(
                f"max-pairs must be at least 1000, got {self.max_pairs}"
            )


def _check(on_no_face: str, workers: int, batch_size: int) -> None:
    if on_no_face not in ON_NO_FACE:
        raise InvalidConfig(
            f"unknown on-no-face {on_no_face!r}, expected one of "
            f"{', '.join(ON_NO_FACE)}"
        )
    if workers < 0:
        raise InvalidConfig(f"workers must not be negative, got {workers}")
    if batch_size < 1:
        raise InvalidConfig(f"batch-size must be at least 1, got {batch_size}")
