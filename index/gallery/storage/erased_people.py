"""Who was removed: by what their traces are known until all of them are gone."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from masking.files.text import normal_form


@dataclass(frozen=True)
class ErasedPeople:
    """What the traces of removed people say.

    Attributes:
        person_ids: their numbers.
        names: what they were called, and earlier names that nobody else has.
        sha256s: of their photographs' files, and of photos taken out of a person.
        changed: numbers of people who stay, less a photo or under another name: only
            answers and cards that show them go.
    """

    person_ids: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    sha256s: frozenset[str] = frozenset()
    changed: frozenset[int] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing of anybody has to go but answers."""
        return not (self.person_ids or self.names or self.sha256s)

    def to_json(self) -> str:
        """The reverse of `from_json`."""
        return json.dumps({key: sorted(value) for key, value in vars(self).items()})

    @classmethod
    def from_json(cls, text: str) -> ErasedPeople:
        """Nobody for an empty text."""
        record = json.loads(text or "{}")
        return cls(**{key: frozenset(value) for key, value in record.items()})

    def and_others(self, others: ErasedPeople) -> ErasedPeople:
        """Both together."""
        return ErasedPeople(
            self.person_ids | others.person_ids,
            self.names | others.names,
            self.sha256s | others.sha256s,
            self.changed | others.changed,
        )

    def own(self, identity: str, sha256: str) -> bool:
        """Whether a photograph of a collection shows one of them."""
        return normal_form(identity) in self.names or sha256 in self.sha256s

    def named_in(self, value: Any) -> bool:
        """Whether a text in a JSON value names one of them, as paths do, too.

        "Ann" is named in "photos/Ann_0001.jpg" and not in "Anna/1.jpg".
        """
        if isinstance(value, dict):
            return any(self.named_in(item) for item in value.values())
        if isinstance(value, list):
            return any(self.named_in(item) for item in value)
        if not isinstance(value, str):
            return False
        text = unicodedata.normalize("NFC", value)
        return any(
            re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text)
            for name in self.names
        )
