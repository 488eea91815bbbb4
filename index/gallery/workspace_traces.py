"""What a workspace holds of people beside the gallery, and how it forgets them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from index.gallery.storage.erased_people import ErasedPeople
from masking.files.writing import Record, forget_records, sweep_unfinished
from training.checkpoints.store import forget_photos

RECORDS = "answers.jsonl"

GALLERY, ANSWERS, EVALUATED = "gallery", "identified", "evaluated"
AUGMENTED, MODELS, FOUND_FACES = "augmented", "models", "found-faces"
PRIVATE = "private"
# The demo's probe: a masked photograph of its newcomer.
DEMO_PROBE = "masked.jpg"
_CARD = re.compile(
    r"-(?:[0-9a-f]{8}|\d{8}-\d{6})-(?:face\d+|track\d+|all)\.png$", re.ASCII
)


def workspace_of(gallery: Path) -> Path | None:
    """The workspace of a gallery's folder; None for one that lies elsewhere."""
    folder = gallery.absolute()
    return folder.parent if folder.name == GALLERY else None


def erase_traces(workspace: Path, erased: ErasedPeople) -> Iterator[str]:
    """Delete what a workspace holds of people; gives what is left, and why.

    What does not say whom it shows, as it shows many, goes as a whole: it is made
    again when it is wanted.

    Raises:
        OSError: something cannot be deleted.
    """
    _forget_answers(workspace, erased)
    if erased.is_empty:
        return
    for folder in (
        workspace / FOUND_FACES,
        *(workspace / EVALUATED).glob(f"*/{PRIVATE}"),
    ):
        if folder.is_symlink():
            yield f"{folder}: is a link, what it leads to was not touched"
        elif folder.exists():
            shutil.rmtree(folder)
    trained_on = False
    if (workspace / AUGMENTED).is_dir():
        # Loads much, and most galleries were enrolled without it.
        from masking.augment.erasure import forget_people

        trained_on = forget_people(workspace / AUGMENTED, erased.own)
    models = forget_photos(workspace / MODELS, trained_on)
    if models:
        yield (
            f"{', '.join(map(str, models))}: may have been trained on them, and "
            "weights cannot forget; train again, then delete what was there before"
        )
    for name in (EVALUATED, MODELS):
        sweep_unfinished(workspace / name)


def _forget_answers(workspace: Path, erased: ErasedPeople) -> None:
    """Answers that name them, their cards, and cards that no answer is known of."""
    folder = workspace / ANSWERS
    tokens = tuple(f"-{sha256[:8]}-" for sha256 in erased.sha256s)
    gone: set[str] = set()

    def is_gone(record: Record) -> bool:
        cards = _cards(record)
        shown = (erased.person_ids | erased.changed).intersection(
            record.get("person_ids", ())
        )
        theirs = any(token in card for token in tokens for card in cards)
        if shown or theirs or erased.named_in(record):
            gone.update(cards)
            if Path(str(record.get("photo"))).name == DEMO_PROBE:
                (workspace / DEMO_PROBE).unlink(missing_ok=True)
            return True
        return False

    kept = forget_records(folder / RECORDS, is_gone)
    known = {card for record in kept for card in _cards(record)} - gone
    for path in folder.glob("*.png"):
        if _CARD.search(path.name) and path.name not in known:
            path.unlink(missing_ok=True)
    sweep_unfinished(folder)


def _cards(record: Record) -> set[str]:
    """Names of the files of an answer's cards."""
    cards = (record.get("card"), record.get("overview"))
    return {Path(card).name for card in cards if card}
