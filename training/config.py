"""Options of `train`; imports nothing heavy, the command line reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from masking.errors import InvalidConfig
from masking.settings import Settings, setting

NO_HEAD = "none"
PAIR_HEADS = ("triplet", "multi-similarity", "contrastive")
Head = Literal[
    "none",
    "arcface",
    "cosface",
    "adaface",
    "triplet",
    "multi-similarity",
    "contrastive",
]


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How an embedder is trained. Fields that are not recorded do not change it."""

    backbone: str = setting(
        "auto",
        "mobilefacenet, dlib, iresnet18, iresnet34, iresnet50, iresnet100 or "
        "timm:NAME; auto is that of --init.",
    )
    epochs: int = setting(6, "Passes over all chips.", at_least=1)
    batch_size: int = setting(
        256, "Chips a step, of all processes and micro-batches.", at_least=2
    )
    samples_per_person: int = setting(
        4,
        "Chips of each person in a batch (P x K); 0 = any people.",
        at_least=0,
        at_most=1000,
    )
    learning_rate: float = setting(
        2e-4, "Peak of the cosine schedule (AdamW).", above=0
    )
    warm_up: float = setting(
        0.25, "Fraction of the steps before that peak.", at_least=0, below=1
    )
    masked_fraction: float = setting(
        0.5, "Fraction of chips that get a fresh mask.", at_least=0, at_most=1
    )
    shared_masks: float = setting(
        0.0,
        "Fraction of masked chips that wear the mask of another person.",
        at_least=0,
        at_most=1,
    )
    kinds: str = setting(
        "surgical,cloth,ffp2,kn95,duckbill,gaiter",
        "Mask kinds to train on, separated by commas.",
    )
    occluded: float = setting(
        0.1,
        "Fraction of masked faces with a hand, glasses or a hat besides.",
        at_least=0,
        at_most=1,
    )
    prototype_weight: float = setting(
        0.5,
        "Weight of the softmax over prototypes that the teacher gives.",
        at_least=0,
    )
    distillation_weight: float = setting(
        4.0,
        "Weight of the distance to the teacher's embedding of the unmasked "
        "chip. From scratch there is no teacher.",
        at_least=0,
    )
    head: Head = setting("contrastive", "Loss that tells people apart.")
    head_weight: float = setting(
        0.5, "Weight of the head; 2 suits multi-similarity.", above=0
    )
    margin: float = setting(
        0.0,
        "Head margin, for arcface in radians; 0 = the default of its paper.",
        at_least=0,
        at_most=math.pi,
    )
    head_scale: float = setting(64.0, "Scale of the cosines in a margin head.", above=0)
    ema_decay: float = setting(
        0.998, "Decay of the averaged weights; 0 = none.", at_least=0, below=1
    )
    blend: float = setting(
        0.8,
        "Fraction of trained weights in the result, the rest being initial ones; from "
        "scratch it is 1.",
        above=0,
        at_most=1,
    )
    validation_fraction: float = setting(
        0.1, "Fraction of people held out for validation.", above=0, below=1
    )
    validation_seed: int = setting(
        0,
        "Draws these people; the same one for runs that are averaged.",
        at_least=0,
    )
    seed: int = setting(
        0, "Random seed of batch order, masks and initialisation.", at_least=0
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "Number format of the network; auto is bfloat16 on CUDA."
    )
    accumulate: int = setting(
        1, "Parts in which each process works through its batch.", at_least=1
    )
    checkpointing: bool = setting(
        False, "Save memory by computing each stage twice.", recorded=False
    )
    compile: Literal["auto", "yes", "no"] = setting(
        "auto", "Use torch.compile; auto: on CUDA.", recorded=False
    )
    tensorboard: bool = setting(
        False, "Log to MODELS/train-report for TensorBoard.", recorded=False
    )
    device: str = setting("auto", "auto, cpu, cuda or cuda:N.", recorded=False)
    workers: int = setting(
        0, "Processes that render masks; 0 = one a core.", at_least=0, recorded=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        size, samples = self.batch_size, self.samples_per_person
        if samples and (size % samples or size < 2 * samples):
            raise InvalidConfig(
                f"batch-size must be a multiple of samples-per-person, {samples}, and "
                f"hold two people, got {size}"
            )
        if self.head in PAIR_HEADS and samples < 2:
            raise InvalidConfig(
                f"head {self.head} compares photos of a person: samples-per-person "
                f"must be at least 2, got {samples}"
            )
