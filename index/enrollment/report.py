"""What `enroll` did, photograph by photograph."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class EnrollReport:
    """What became of each photograph.

    Attributes:
        added: photos that are now in the gallery.
        known: photos that the same person already had, given twice or earlier.
        failures: photo -> why it could not be enrolled.
        unread: those of `failures` that could not be read.
        unlike: added photo -> its distance to the mean of the same person's other
            photos, where that is larger than for the nearest hundredth of impostors.
            Such photos stay enrolled; somebody should look at them.
        doubts: one sentence each on other photos that somebody should look at.
    """

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    unlike: dict[str, float] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 when a picture could not be read, else 0."""
        return 2 if self.unread else 0
