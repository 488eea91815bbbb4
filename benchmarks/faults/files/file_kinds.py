"""The kinds of file that the toolkit reads, and the commands that read each."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.faults.files.byte_damage import BYTES, JSON, TEXT, Damage

_TEXT = BYTES | TEXT
# Twice as often as each other way.
_JSON = _TEXT | JSON | {f"{name} again": way for name, way in JSON.items()}


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        state: of `file_states` that holds it; "toolkit" for what ships.
        pattern: where it lies there.
        commands: run one after the other until one refuses. W stands for the
            workspace, F for the file, TRAIN for options of `train`.
        ways: of damaging it.
        made: files that are part of the answer.
        exact: whether the answer has to be that for whole files; False for what
            people write, where another letter is another question.
        weight: how often it is tried, beside the others.
    """

    name: str
    state: str
    pattern: str
    commands: tuple[str, ...]
    ways: dict[str, Damage]
    made: tuple[str, ...] = ()
    exact: bool = True
    weight: int = 10


_SHIPPED = "--workspace W --model shipped"
_ONE = "--workers 1"
_IDENTIFY = "identify W/photos/probe.jpg --json --no-cards --workspace W"
_EXACT = f"{_IDENTIFY} --engine exact"
# A few photographs need no torch, unless a device is named.
_TORCH = f"{_IDENTIFY} --device cpu"
_LIST = "gallery list --json --workspace W"
_SHOW = "gallery show Person_02 --json --workspace W"
_AUGMENT = f"augment W/people --variants 1 --workspace W {_ONE}"
_EVALUATE = f"evaluate W/people --rounds 0 {_SHIPPED} {_ONE}"
_TRAIN = "train TRAIN --workspace W"
_LEARNT = ("models/latest", "models/train-report/report.json")
_PICTURES = ("augmented",)
_MANIFEST = "augmented/manifest.jsonl"
_JOURNAL = "augmented/manifest.partial.jsonl"

KINDS: tuple[Kind, ...] = (
    Kind(
        "gallery",
        "gallery",
        "gallery/gallery.sqlite",
        (_LIST, _IDENTIFY, _SHOW),
        BYTES,
        weight=40,
    ),
    Kind(
        "gallery's log",
        "log",
        "gallery/gallery.sqlite-wal",
        (_LIST, _IDENTIFY),
        BYTES,
        # By SQLite's design, changes end before the first damaged page.
        exact=False,
    ),
    Kind(
        "search files' manifest",
        "gallery",
        "gallery/snapshots/*/*.json",
        (_IDENTIFY, _EXACT),
        _JSON,
        weight=20,
    ),
    Kind("search arrays", "gallery", "gallery/snapshots/*/*.npy", (_IDENTIFY,), BYTES),
    Kind("Annoy's trees", "gallery", "gallery/snapshots/*/*.ann", (_IDENTIFY,), BYTES),
    Kind(
        "backup",
        "gallery",
        "gallery/backups/*.sqlite",
        ("gallery restore F --force --yes --workspace W", _LIST, _IDENTIFY),
        BYTES,
        weight=20,
    ),
    Kind("manifest", "augmented", _MANIFEST, (_AUGMENT,), _JSON, _PICTURES, weight=20),
    Kind("journal", "journal", _JOURNAL, (_AUGMENT,), _JSON, _PICTURES, weight=20),
    Kind(
        "manifest to train on",
        "augmented",
        _MANIFEST,
        (_TRAIN,),
        _JSON,
        _LEARNT,
        weight=6,
    ),
    Kind(
        "chips",
        "augmented",
        "augmented/chips/*/*.jpg",
        (_AUGMENT,),
        BYTES,
        _PICTURES,
        weight=4,
    ),
    Kind("checkpoint", "trained", "models/embedder-*", (_IDENTIFY, _TORCH), BYTES),
    Kind("latest model", "trained", "models/latest", (_IDENTIFY,), _TEXT, weight=6),
    Kind(
        "resume state",
        "training",
        "models/training.pt",
        (_TRAIN,),
        BYTES,
        _LEARNT,
        weight=8,
    ),
    Kind("training caches", "training", "models/cache/*", (_TRAIN,), BYTES, _LEARNT),
    Kind(
        "calibrations",
        "toolkit",
        "index/**/calibrations.json",
        (_IDENTIFY,),
        _JSON,
        weight=20,
    ),
    Kind(
        "models for masking",
        "toolkit",
        "masking/**/models/*",
        (_IDENTIFY,),
        BYTES,
        weight=30,
    ),
    Kind(
        "models for training",
        "toolkit",
        "training/**/models/*",
        (_IDENTIFY, _TORCH),
        BYTES,
        weight=20,
    ),
    Kind(
        "faces found",
        "evaluated",
        "found-faces/*/*.json",
        (_EVALUATE,),
        _JSON,
        weight=6,
    ),
    Kind(
        "answers", "gallery", "identified/answers.jsonl", (_IDENTIFY,), _TEXT, weight=4
    ),
)
_LISTS = (
    (
        "people to train on",
        "augmented",
        "lists/people.txt",
        f"{_TRAIN} --only F",
        _TEXT,
        4,
    ),
    (
        "people to evaluate",
        "evaluated",
        "lists/people.txt",
        f"{_EVALUATE} --people F",
        _TEXT,
        6,
    ),
    ("pairs", "evaluated", "lists/pairs.*", f"{_EVALUATE} --pairs F", _TEXT, 8),
    (
        "table to enroll",
        "inputs",
        "lists/enroll.csv",
        f"enroll --csv F {_SHIPPED} {_ONE}",
        _TEXT,
        10,
    ),
    (
        "labels",
        "gallery",
        "labelled/labels.csv",
        f"calibrate W/labelled {_SHIPPED} {_ONE}",
        _TEXT,
        10,
    ),
    (
        "packed photographs",
        "inputs",
        "packed/train.*",
        f"augment W/packed --variants 0 --workspace W {_ONE}",
        BYTES,
        20,
    ),
    (
        "video",
        "gallery",
        "videos/video.avi",
        "identify --video F --json --workspace W",
        BYTES,
        8,
    ),
    (
        "photograph to mask",
        "inputs",
        "some/*/*.jpg",
        f"augment W/some --output both --variants 1 --workspace W {_ONE}",
        BYTES,
        8,
    ),
    (
        "photograph to identify",
        "gallery",
        "photos/probe.jpg",
        "identify F --workspace W",
        BYTES,
        8,
    ),
    (
        "photograph to enroll",
        "gallery",
        "photos/probe.jpg",
        f"enroll Somebody F {_SHIPPED}",
        BYTES,
        8,
    ),
)
KINDS += tuple(
    Kind(name, state, pattern, (command,), ways, exact=False, weight=weight)
    for name, state, pattern, command, ways, weight in _LISTS
)
