"""The page's own words for remedies that name a command or an option."""

from __future__ import annotations

import re

# What `POST /api/embed` does.
EMBED = "embed the stored photos again"
# Ends of messages, and what the page says instead; the first that fits.
_WORDS = (
    (
        r".*: (?:nobody is enrolled|there is no gallery yet)\. Run: .*",
        "Nobody is enrolled yet: begin with the tab Enroll.",
    ),
    (
        r".* was enrolled with embedder (\w+), but the model in use is (\w+)\..*",
        r"The stored photos belong to another model (\1) than the one in use (\2). "
        rf"Start the program with that model, or {EMBED}.",
    ),
    (
        r"(?:Make it|Embed the stored photos) again\b.*python cli\.py.*",
        f"{EMBED.capitalize()}.",
    ),
    (
        r"Put back a (?:backup|copy)\b.*python cli\.py.*",
        "Put back a backup of the gallery: they lie in its folder backups.",
    ),
    (r"Take the whole person: python.*", "Erase the whole person, or merge."),
    (r"Say which with --face .*", "Click the one that is meant, or crop the photo."),
    (r"or --allow-duplicate to (store it as .*)\.", r"or \1 all the same."),
    (r"Then run: python.*", "It is tried again with the next change."),
    (r"Choose a(?:nother)? folder(.*) with --workspace\.", r"Use another folder\1."),
    (r"Copy it again or run: python.*", "Copy it again."),
    (r"Give a file that python cli\.py train wrote, or copy", "Copy"),
    (r"Run: pip install .*", "Install the program again."),
    # Else the part of a sentence that names it goes, and all that follows.
    (r"(?:[.;,]|, or)? (?:(?![.;,] ).)*python cli\.py.*", "."),
)


def in_page_words(text: str) -> str:
    """A message of the toolkit without commands, which nobody types on a page."""
    for old, new in _WORDS:
        said, found = re.subn(old, new, text, count=1, flags=re.DOTALL)
        if found:
            return said
    return text
