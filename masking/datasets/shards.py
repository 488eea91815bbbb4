"""Which part of a collection one of several machines works on."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from masking.errors import InvalidConfig


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, both from 1.

    A photograph's part follows from its name alone: machines need not talk, and
    new photographs move no old ones.
    """

    number: int = 1
    count: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole collection."""
        return self.count == 1

    def takes(self, photo_id: str) -> bool:
        """Whether a photograph belongs to this part."""
        name = photo_id.encode("utf-8", "surrogatepass")
        return zlib.crc32(name) % self.count == self.number - 1


WHOLE = Shard()


def shard_from(text: str) -> Shard:
    """The part that "I/N" means, I from 1 to N.

    Raises:
        InvalidConfig: anything else.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is not None:
        number, count = int(found[1]), int(found[2])
        if 1 <= number <= count:
            return Shard(number, count)
    raise InvalidConfig(
        f"shard must be I/N with I from 1 to N, such as 2/8; got {text!r}"
    )
