"""Settings of `evaluate` and `embed`; imports nothing heavy, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from masking.errors import InvalidConfig
from masking.settings import Settings, setting

PROPERTIES = ("eyes", "pose", "light", "side-light", "alignment", "mask", "style")
ALL_PROPERTIES = "all"


@dataclass(frozen=True)
class EmbedConfig(Settings):
    """How the faces of a folder are turned into embeddings."""

    on_no_face: Literal["fail", "crop"] = setting(
        "fail",
        "Photographs without a detected face: fail counts them as failures to acquire, "
        "crop takes the whole picture as a face cut-out and counts them apart.",
    )
    workers: int = setting(
        0, "Processes that detect faces; 0 = one a CPU core.", at_least=0
    )
    batch_size: int = setting(64, "Chips that are embedded at once.", at_least=1)


@dataclass(frozen=True)
class EvaluateConfig(EmbedConfig):
    """How verification and identification are measured."""

    kinds: str = setting("all", "Kinds of mask to render, separated by commas.")
    unseen: str = setting(
        "",
        "Kinds of mask that are reported as unseen in training, separated by commas; "
        "without it those that the models' records do not list.",
    )
    masked_references: bool = setting(
        True,
        "Also compare masked faces as galleries do: with unmasked faces that were "
        "embedded once more under a synthetic mask.",
    )
    cohorts: bool = setting(
        True,
        "Use AS-norm distances, as galleries do; without it Euclidean distances, as "
        "users of the exported networks see them.",
    )
    by: str = setting(
        "",
        "Also say where errors are lost: a table for each of "
        f"{', '.join(PROPERTIES)}, separated by commas, or {ALL_PROPERTIES}.",
    )
    max_pairs: int = setting(
        20_000_000,
        "Pairs compared in a set, about 120 bytes of memory each; of more, a random "
        "sample.",
        at_least=1000,
    )
    seed: int = setting(
        0, "Draws synthetic masks, folds, intervals, samples.", at_least=0
    )
    rounds: int = setting(
        200, "Bootstrap rounds of the intervals; 0 = none.", at_least=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self.properties if name not in PROPERTIES]
        if unknown:
            raise InvalidConfig(
                f"by must name some of {', '.join(PROPERTIES)}, or {ALL_PROPERTIES}; "
                f"got {', '.join(unknown)}"
            )

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that `by` names."""
        if self.by == ALL_PROPERTIES:
            return PROPERTIES
        return tuple(name.strip() for name in self.by.split(",")) if self.by else ()
