"""Which names a person may have."""

from __future__ import annotations

from pathlib import Path

from masking.datasets.images import SUFFIXES
from masking.errors import InvalidConfig
from masking.files.shown_text import is_control, normal_form

MAX_LENGTH = 200
# What file systems allow for a name: letters take up to four.
MAX_BYTES = 255


def checked_name(name: str) -> str:
    """The `normal_form` of a name that a person may have.

    Raises:
        InvalidConfig: empty, over MAX_LENGTH characters or MAX_BYTES, with control
            characters or line breaks, with a slash, or nothing but dots.
    """
    stripped = normal_form(name)
    if not 1 <= len(stripped) <= MAX_LENGTH:
        raise InvalidConfig(
            f"a name has 1 to {MAX_LENGTH} characters, got {len(stripped)}."
        )
    if any(map(is_control, stripped)):
        raise InvalidConfig(
            f"the name {stripped!a} holds a line break, another control "
            "character or bytes that are no UTF-8. Leave them out."
        )
    # Halves of letters, which have no bytes, were refused above.
    if (size := len(stripped.encode())) > MAX_BYTES:
        raise InvalidConfig(
            f"the name {stripped[:20]!r}... takes {size} bytes, a name has at most "
            f"{MAX_BYTES}, as that of a file. Shorten it."
        )
    if not stripped.strip("."):
        raise InvalidConfig(
            f"the name {stripped!r} means a folder. Give the person's name first, then "
            "the photographs."
        )
    if "/" in stripped or "\\" in stripped:
        raise InvalidConfig(
            f"the name {stripped!r} looks like a path; a name has no slash. For "
            "enroll, give the person's name first, then the photographs."
        )
    return stripped


def typed_name(name: str) -> str:
    """`checked_name` of what a person typed; also refuses a forgotten name.

    Raises:
        InvalidConfig: as `checked_name`, or the name is an image or another file.
    """
    stripped = checked_name(name)
    path = Path(stripped)
    if path.suffix.lower() in SUFFIXES or path.is_file():
        raise InvalidConfig(
            f"the name {stripped!r} is a file. Give the person's name first, then "
            "the photographs."
        )
    return stripped
