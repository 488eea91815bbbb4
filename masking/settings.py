"""Settings of a stage: help, choices and range stand once, at the field.

The command line makes its options from them (`options_from`).
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from masking.errors import InvalidConfig

# No setting means more than this; infinity and what is no number end here, too.
_MOST = 1e12


def setting(
    default: Any,
    help: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    recorded: bool = True,
) -> Any:
    """A field of a `Settings`; a number has a lowest value, a choice is a `Literal`.

    Args:
        recorded: whether it decides the result, and so belongs into its record.
    """
    bounds = {
        "min": at_least if above is None else above,
        "max": at_most if below is None else below,
        "min_open": above is not None,
        "max_open": below is not None,
    }
    metadata = {"help": help, "bounds": bounds, "recorded": recorded}
    return field(default=default, metadata=metadata)


class Settings:
    """Base of the frozen dataclasses that hold the settings of a stage."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InvalidConfig: a value that is no choice, or out of its range.
        """
        kinds = get_type_hints(type(self))
        for item in fields(self):  # type: ignore[arg-type]
            name, value = item.name.replace("_", "-"), getattr(self, item.name)
            if get_origin(kinds[item.name]) is Literal:
                _check_choice(name, value, get_args(kinds[item.name]))
            elif kinds[item.name] in (int, float):
                _check_range(name, value, **item.metadata["bounds"])

    def recorded(self) -> dict[str, Any]:
        """The settings that decide the result; how the work is divided does not."""
        kept = [item for item in fields(self) if item.metadata["recorded"]]  # type: ignore[arg-type]
        return {item.name: getattr(self, item.name) for item in kept}


def _check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        raise InvalidConfig(
            f"{name} must be one of {', '.join(choices)}, got {value!r}"
        )


def _check_range(
    name: str,
    value: float,
    min: float | None,
    max: float | None,
    min_open: bool,
    max_open: bool,
) -> None:
    low, high = -_MOST if min is None else min, _MOST if max is None else max
    # Written this way round, a value that is no number is refused, too.
    above = value > low if min_open else value >= low
    below = value < high if max_open else value <= high
    if not (above and below):
        least = f"{'above' if min_open else 'at least'} {low:g}"
        most = f"{'below' if max_open else 'at most'} {high:g}"
        raise InvalidConfig(f"{name} must be {least} and {most}, got {value}")
