"""What one painted mask looks like, and the only place where that is drawn by lot."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from masking.errors import BadRecord, InvalidConfig

KINDS = ("surgical", "cloth", "ffp2", "kn95", "duckbill", "gaiter")
WEARS = ("correct", "nose_out", "nose_and_mouth_out", "chin_out", "crooked")
PRINTS = ("plain", "stripes", "check", "dots", "camouflage")

Colour = tuple[float, float, float]

# Reflectance in linear light, (R, G, B) in [0, 1]; what shops sell.
_MEDICAL: tuple[Colour, ...] = (
    (0.27, 0.52, 0.70),
    (0.42, 0.66, 0.80),
    (0.78, 0.80, 0.82),
    (0.25, 0.50, 0.45),
    (0.02, 0.02, 0.022),
    (0.80, 0.52, 0.58),
)
_RESPIRATOR: tuple[Colour, ...] = (
    (0.80, 0.80, 0.78),
    (0.76, 0.77, 0.78),
    (0.03, 0.03, 0.032),
    (0.45, 0.47, 0.50),
)
# How often each wear class is seen; "correct" is what is left.
_WRONG_WEAR = {
    "nose_out": 0.10,
    "nose_and_mouth_out": 0.04,
    "chin_out": 0.04,
    "crooked": 0.07,
}
_TILT_RAD = np.deg2rad(3.0)
_CROOKED_RAD = (np.deg2rad(7.0), np.deg2rad(13.0))


@dataclass(frozen=True)
class MaskSpec:
    """Everything needed to paint the same mask again.

    Lengths are shares of the face square (see `canonical_face`).

    Attributes:
        kind: one of KINDS.
        wear: one of WEARS.
        rise: how much higher than usual the upper edge sits on the nose.
        widen: how much wider than usual the mask is; 0 = usual.
        hang: how far the lower edge goes past the usual one below the chin.
        tilt_rad: turn of the whole mask about its middle.
        colour, second: linear-light reflectance of the fabric and of its print.
        print_name: one of PRINTS.
        print_pitch: period of the print.
        print_rad: direction of the print.
        strap: linear-light reflectance of the straps.
        valve: whether there is an exhalation valve (ffp2 and kn95 only).
        wrinkle: strength of folds, 0 to 1.
        gloss: how much brighter the fabric is than its reflectance, about 1.
        seed: of the folds and other small irregularities.
    """

    kind: str
    wear: str
    rise: float
    widen: float
    hang: float
    tilt_rad: float
    colour: Colour
    second: Colour
    print_name: str
    print_pitch: float
    print_rad: float
    strap: Colour
    valve: bool
    wrinkle: float
    gloss: float
    seed: int

    def __post_init__(self) -> None:
        for value, allowed in (
            (self.kind, KINDS),
            (self.wear, WEARS),
            (self.print_name, PRINTS),
        ):
            if value not in allowed:
                raise InvalidConfig(
                    f"unknown {value!r}, expected one of {', '.join(allowed)}"
                )

    def to_json(self) -> dict[str, Any]:
        """JSON-able record; `spec_from_json` gives the same spec back."""
        return asdict(self)


def spec_from_json(record: dict[str, Any]) -> MaskSpec:
    """The spec that `MaskSpec.to_json` recorded.

    Raises:
        BadRecord: a field is missing or unknown.
    """
    wanted = {field.name for field in fields(MaskSpec)}
    if set(record) != wanted:
        raise BadRecord(
            f"mask spec has fields {sorted(record)}, expected {sorted(wanted)}"
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record.items()
    }
    return MaskSpec(**values)


@dataclass(frozen=True)
class SpecConfig:
    """Which masks are drawn.

    Attributes:
        kinds: kinds to choose from, evenly.
        wrong_wear: share of masks that are worn wrongly relative to usual;
            0 = all correct, 1 = as in WRONG_WEAR (a quarter).
    """

    kinds: tuple[str, ...] = KINDS
    wrong_wear: float = 1.0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise InvalidConfig(
                f"mask kinds {', '.join(unknown) or '(none)'}: expected some of "
                f"{', '.join(KINDS)}"
            )
        if not 0 <= self.wrong_wear <= 4:
            raise InvalidConfig(f"wrong-wear must be in [0, 4], got {self.wrong_wear}")


def sample_rng(seed: int, sample_id: str) -> np.random.Generator:
    """Random numbers that depend on the sample, not on worker or order."""
    # File names may hold bytes that are no UTF-8; Python escapes them so.
    name = sample_id.encode("utf-8", "surrogatepass")
    return np.random.default_rng([seed, zlib.crc32(name)])


def draw_specs(rng: np.random.Generator, config: SpecConfig) -> tuple[MaskSpec, ...]:
    """What one face wears, drawn by lot: a mask, in the order of painting.

    The same generator state gives the same specs.
    """
    return (_draw_mask(rng, config),)


def _draw_mask(rng: np.random.Generator, config: SpecConfig) -> MaskSpec:
    kind = config.kinds[int(rng.integers(len(config.kinds)))]
    wear = _draw_wear(rng, config.wrong_wear)
    colour, second, print_name = _draw_look(rng, kind)
    tilt_rad = float(np.clip(rng.normal(0, _TILT_RAD), -0.1, 0.1))
    if wear == "crooked":
        tilt_rad = float(rng.uniform(*_CROOKED_RAD) * rng.choice([-1, 1]))
    dark_strap = kind in ("cloth", "gaiter") or sum(colour) < 0.3
    return MaskSpec(
        kind=kind,
        wear=wear,
        rise=float(rng.uniform(-0.06, 0.06)),
        widen=float(rng.uniform(-0.03, 0.03)),
        hang=float(rng.uniform(-0.01, 0.05)),
        tilt_rad=tilt_rad,
        colour=colour,
        second=second,
        print_name=print_name,
        print_pitch=float(rng.uniform(0.06, 0.22)),
        print_rad=float(rng.uniform(0, np.pi)),
        strap=colour if dark_strap else (0.6, 0.6, 0.59),
        valve=bool(kind in ("ffp2", "kn95") and rng.random() < 0.4),
        wrinkle=float(rng.uniform(0.2, 1.0)),
        gloss=float(rng.uniform(0.85, 1.1)),
        seed=int(rng.integers(2**31)),
    )


def _draw_wear(rng: np.random.Generator, strength: float) -> str:
    dice = rng.random()
    for wear, share in _WRONG_WEAR.items():
        dice -= share * strength
        if dice < 0:
            return wear
    return "correct"


def _draw_look(rng: np.random.Generator, kind: str) -> tuple[Colour, Colour, str]:
    """Fabric colour, colour of the print, and the print."""
    if kind in ("cloth", "gaiter"):
        colour, second = _any_colour(rng), _any_colour(rng)
        weights = [0.5, 0.125, 0.125, 0.125, 0.125]
        return colour, second, str(rng.choice(PRINTS, p=weights))
    palette = _MEDICAL if kind == "surgical" else _RESPIRATOR
    base = np.array(palette[int(rng.integers(len(palette)))])
    shade = np.clip(base * rng.uniform(0.9, 1.1, 3), 0.01, 0.88)
    red, green, blue = (float(value) for value in shade)
    return (red, green, blue), (red, green, blue), "plain"


def _any_colour(rng: np.random.Generator) -> Colour:
    # Squares of uniform numbers: half of all cloth masks are dark.
    red, green, blue = (float(value) for value in rng.uniform(0.1, 0.93, 3) ** 2)
    if rng.random() < 0.4:
        grey = (red + green + blue) / 3
        return (grey, grey, grey)
    return (red, green, blue)
