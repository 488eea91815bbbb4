"""Prints the answers of `identify` as they come: records, sentences or a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from index.calibration.thresholds import shown as shown_score
from index.commands.terminal.printing import say
from index.identification.answers import (
    AMBIGUOUS,
    MATCH,
    NO_FACE,
    UNKNOWN,
    UNREADABLE,
    Answer,
    answer_line,
    answer_record,
)
from index.identification.cards.canvas import percent
from masking.files.text import aligned, places, shown

HEAD = ("photo", "face", "name", "how sure")
# In the order of the last line.
_IN_WORDS = {
    MATCH: "named",
    AMBIGUOUS: "too alike to tell",
    UNKNOWN: "unknown",
    NO_FACE: "without a face",
    UNREADABLE: "not read",
}
# Columns stay aligned for names up to here.
_WIDEST_NAME = 32


class AnswerPrinter:
    """Prints to standard output; what could not be read to standard error."""

    def __init__(
        self,
        as_json: bool,
        verbose: bool,
        photos: Sequence[Path],
        names: Sequence[str],
    ):
        """
        Args:
            verbose: sentences, however many photos there are.
            photos: all that will be answered.
            names: of the gallery.
        """
        self._as_json, self._verbose = as_json, verbose
        self._photos, self._is_table = photos, False
        self._counts, self._unread = Counter[str](), list[str]()
        # As wide as any row will be, so that rows can be printed as they come.
        photo = max((places(shown(str(path))) for path in photos), default=0)
        name = min(max([*map(places, names), 8]), _WIDEST_NAME)
        self._widest = ("x" * photo, "x" * len("12 of 12"), "x" * name, "")

    def show(self, answer: Answer) -> None:
        """Print one answer."""
        self._counts[answer.status] += 1
        with _above_progress():
            if self._as_json:
                say(answer_record(answer))
            elif self._verbose or not (self._is_table or self._has_many(answer)):
                _say_sentences(answer)
            else:
                self._say_rows(answer)

    def _has_many(self, answer: Answer) -> bool:
        return len(self._photos) > 1 or answer.faces > 1

    def _say_rows(self, answer: Answer) -> None:
        if not self._is_table:
            self._is_table = True
            self._say_row(HEAD)
        if answer.status == UNREADABLE:
            self._unread.append(answer.reason)
        self._say_row(cells(answer))
        if answer.overview and answer.face == answer.faces and len(self._photos) == 1:
            say(f"card: {answer.overview}")

    def end(self, cards: Path | None) -> None:
        """Print what a table leaves out, and how many there were of each kind.

        Args:
            cards: the folder of those that were drawn; None when none was.
        """
        for reason in self._unread:
            say(f"not read: {reason}", err=True)
        if self._is_table:
            say(summary(self._counts))
            if cards and len(self._photos) > 1:
                say(f"cards in {cards}")

    def _say_row(self, row: tuple[str, ...]) -> None:
        say(aligned([row, self._widest])[0])


def cells(answer: Answer) -> tuple[str, str, str, str]:
    """One row of the table: photo, face, name and how sure that is."""
    face = f"{answer.face} of {answer.faces}" if answer.faces > 1 else ""
    if answer.span:
        face = f"track {answer.face}"
    decision, photo = answer.decision, str(answer.photo)
    if decision is None:
        return photo, face, "not read" if answer.status == UNREADABLE else "no face", ""
    return photo, face, decision.answer, _how_sure(answer)


def _how_sure(answer: Answer) -> str:
    decision = answer.decision
    if decision is None or not decision.matches:
        return ""
    if answer.reason:
        return answer.reason
    best = decision.matches[0]
    sure = f"score {shown_score(best.score)}"
    if decision.probability is not None:
        sure = percent(decision.probability)
    if answer.status == MATCH:
        return sure
    return f"{'nearest ' if answer.status == UNKNOWN else ''}{best.name}, {sure}"


def summary(counts: Counter[str]) -> str:
    """How many faces there were of each kind: "34 named, 1 unknown"."""
    told = [
        f"{counts[status]} {words}"
        for status, words in _IN_WORDS.items()
        if counts[status] or status == MATCH
    ]
    return ", ".join(told)


def _say_sentences(answer: Answer) -> None:
    say(answer_line(answer))
    if answer.decision and answer.reason:
        say(f"  {answer.reason}")
    if answer.card:
        say(f"  card: {answer.card}")
    if answer.overview and answer.face == answer.faces:
        say(f"all {answer.faces} faces: {answer.overview}")


@contextmanager
def _above_progress() -> Iterator[None]:
    """A bar on the screen makes room for what is printed meanwhile."""
    from tqdm import tqdm

    with tqdm.external_write_mode():
        yield
