"""What one rendered thing on a face looks like, and how that is drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord, InvalidConfig
from masking.masks.colours import (
    Colour,
    Dice,
    FabricLooks,
    Float64,
    any_colours,
    chosen,
    draw_looks,
    name_number,
    one_of,
    rolls_of,
)
from masking.masks.patterns import Texture

MASKS = ("surgical", "cloth", "ffp2", "kn95", "duckbill", "gaiter")
# Through a visor the face is seen: it is no mask unless it is asked for.
KINDS = (*MASKS, "shield")
OCCLUDERS = ("sunglasses", "hand", "cap", "headscarf", "patch")
WEARING_STYLES = ("correct", "nose_out", "nose_and_mouth_out", "chin_out", "crooked")
_TILED = ("plain", "stripes", "check", "dots", "camouflage", "floral", "words")
PRINTS = (*_TILED, "image")
# A visor hangs from the forehead: it can sit askew, but leaves no nose bare.
RIGID_STYLES = ("correct", "crooked")

# How often each wearing style is seen; "correct" is what is left.
_WRONG_STYLES = {
    "nose_out": 0.10,
    "nose_and_mouth_out": 0.04,
    "chin_out": 0.04,
    "crooked": 0.07,
}
_TILT_RAD = np.deg2rad(3.0)
_CROOKED_RAD = (np.deg2rad(8.0), np.deg2rad(13.0))
_TEXTURED_FRACTION = 0.5
_ELASTIC = (0.78, 0.78, 0.77)
# Random numbers that one thing takes at most.
_ROLLS = 72
_THINGS = (*KINDS, *OCCLUDERS)


@dataclass(frozen=True)
class MaskSpec:
    """Everything needed to render the same mask, or other thing on a face, again.

    Lengths are fractions of the face square (see `CANONICAL_FACE`).

    Attributes:
        kind: one of KINDS or OCCLUDERS.
        wearing_style: one of WEARING_STYLES; "correct" for occluders.
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
        shift_x, shift_y: place of an occluder away from its usual one.
        texture: file of the user's picture that is the print; "" = none.
        texture_sha256: of that file's bytes.
    """

    kind: str
    wearing_style: str
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
    shift_x: float = 0.0
    shift_y: float = 0.0
    texture: str = ""
    texture_sha256: str = ""

    def __post_init__(self) -> None:
        for value, allowed in (
            (self.kind, _THINGS),
            (self.wearing_style, WEARING_STYLES),
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
    known = {field.name for field in fields(MaskSpec)}
    needed = {field.name for field in fields(MaskSpec) if field.default is MISSING}
    if not needed <= set(record) <= known:
        raise BadRecord(
            f"mask spec has fields {sorted(record)}, expected {sorted(known)}"
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
        wrongly_worn: fraction of masks that are worn wrongly relative to usual;
            0 = all correct, 1 = as in WRONG_WEAR (a quarter).
        occluded: fraction of faces that also wear one of OCCLUDERS, in [0, 1].
        textures: pictures for half of the cloth masks and gaiters.
    """

    kinds: tuple[str, ...] = MASKS
    wrongly_worn: float = 1.0
    occluded: float = 0.0
    textures: tuple[Texture, ...] = ()

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise InvalidConfig(
                f"mask kinds {', '.join(unknown) or '(none)'}: expected some of "
                f"{', '.join(KINDS)}"
            )
        if not 0 <= self.wrongly_worn <= 4:
            raise InvalidConfig(
                f"wrongly-worn must be in [0, 4], got {self.wrongly_worn}"
            )
        if not 0 <= self.occluded <= 1:
            raise InvalidConfig(f"occluded must be in [0, 1], got {self.occluded}")


def sample_rng(seed: int, sample_id: str) -> np.random.Generator:
    """Random numbers that depend on the sample, not on worker or order."""
    return np.random.default_rng([seed, name_number(sample_id)])


def draw_specs(rng: np.random.Generator, config: SpecConfig) -> tuple[MaskSpec, ...]:
    """What one face wears, drawn at random: a mask, then perhaps an occluder.

    In the order of rendering. The same generator state gives the same specs.
    """
    return _drawn(rng.random((1, 2 * _ROLLS)), config)[0]


def draw_all(
    seed: int, names: Sequence[str], config: SpecConfig
) -> list[tuple[MaskSpec, ...]]:
    """What many faces wear, drawn together; each depends on its own name alone."""
    count = 2 * _ROLLS if config.occluded else _ROLLS
    return _drawn(rolls_of(seed, names, count), config)


def _drawn(rolls: Float64, config: SpecConfig) -> list[tuple[MaskSpec, ...]]:
    masks = _masks(Dice(rolls[:, :_ROLLS]), config)
    if not config.occluded:
        return list(zip(masks, strict=True))
    dice = Dice(rolls[:, _ROLLS:])
    worn = dice.chance(config.occluded)
    others = _occluders(dice, np.array(OCCLUDERS)[dice.index(len(OCCLUDERS))])
    rows = zip(masks, others, worn, strict=True)
    return [(mask, other) if both else (mask,) for mask, other, both in rows]


def _masks(dice: Dice, config: SpecConfig) -> Iterator[MaskSpec]:
    kinds = np.array(config.kinds)[dice.index(len(config.kinds))]
    styles = _wearing_styles(dice, kinds, config.wrongly_worn)
    looks = draw_looks(dice, kinds)
    tilt = np.clip(dice.normal(_TILT_RAD), -0.08, 0.08)
    crooked = dice.uniform(*_CROOKED_RAD) * dice.sign()
    dark_strap = one_of(kinds, ("cloth", "gaiter")) | (looks.colour.sum(1) < 0.3)
    valve = one_of(kinds, ("ffp2", "kn95")) & dice.chance(0.4)
    columns = {
        "kind": kinds,
        "wearing_style": styles,
        "rise": dice.uniform(-0.06, 0.06),
        "widen": dice.uniform(-0.04, 0.05),
        "hang": dice.uniform(0.0, 0.03),
        "tilt_rad": np.where(styles == "crooked", crooked, tilt),
        "strap": np.where(dark_strap[:, None], looks.colour, _ELASTIC),
        "valve": valve,
    }
    columns |= _fabrics(dice, looks)
    return _specs(columns | _textured(dice, columns, config.textures))


def _wearing_styles(
    dice: Dice, kinds: NDArray[np.str_], strength: float
) -> NDArray[np.str_]:
    names = np.array([*_WRONG_STYLES, "correct"])
    fractions = [strength * fraction for fraction in _WRONG_STYLES.values()]
    styles = names[chosen(dice.rolls(1)[0], [*fractions, 0.0])]
    refused = (kinds == "shield") & ~one_of(styles, RIGID_STYLES)
    return np.where(refused, "correct", styles)


def _fabrics(dice: Dice, looks: FabricLooks) -> dict[str, Any]:
    """The columns that masks and occluders draw alike."""
    return {
        "colour": looks.colour,
        "second": looks.second,
        "print_name": looks.print_names,
        "print_pitch": looks.pitch,
        "print_rad": dice.uniform(0, np.pi),
        "wrinkle": dice.uniform(0.2, 1.0),
        "gloss": dice.uniform(0.72, 1.08),
        "seed": dice.index(2**31),
    }


def _textured(
    dice: Dice, columns: dict[str, Any], textures: tuple[Texture, ...]
) -> dict[str, Any]:
    if not textures:
        return {}
    rows = dice.index(len(textures))
    pitch, chance = dice.uniform(0.3, 1.2), dice.chance(_TEXTURED_FRACTION)
    has = chance & one_of(columns["kind"], ("cloth", "gaiter"))
    return {
        "print_name": np.where(has, "image", columns["print_name"]),
        "print_pitch": np.where(has, pitch, columns["print_pitch"]),
        "texture": np.where(has, np.array([t.path for t in textures])[rows], ""),
        "texture_sha256": np.where(
            has, np.array([t.sha256 for t in textures])[rows], ""
        ),
    }


def draw_occluder(rng: np.random.Generator, kind: str) -> MaskSpec:
    """One of OCCLUDERS drawn at random; sizes and places vary more than masks' do.

    Raises:
        InvalidConfig: another kind.
    """
    if kind not in OCCLUDERS:
        expected = ", ".join(OCCLUDERS)
        raise InvalidConfig(f"unknown {kind!r}, expected one of {expected}")
    return next(_occluders(Dice(rng.random((1, _ROLLS))), np.array([kind])))


def _occluders(dice: Dice, kinds: NDArray[np.str_]) -> Iterator[MaskSpec]:
    looks = draw_looks(dice, kinds)
    wide = one_of(kinds, ("hand", "patch"))
    widen, tilt = dice.uniform(-0.45, 0.25), dice.uniform(-0.6, 0.6)
    shift_x, shift_y = dice.uniform(-0.35, 0.35), dice.uniform(-0.5, 0.3)
    columns = {
        "kind": kinds,
        "wearing_style": np.full(len(kinds), "correct"),
        "rise": dice.uniform(-0.06, 0.06),
        "widen": np.where(wide, widen, dice.uniform(-0.06, 0.06)),
        "hang": np.zeros(len(kinds)),
        "tilt_rad": np.where(wide, tilt, dice.normal(0.03)),
        # Frames of glasses; nothing else has any.
        "strap": 0.1 * any_colours(dice),
        "valve": np.zeros(len(kinds), dtype=bool),
        "shift_x": np.where(wide, shift_x, 0.0),
        "shift_y": np.where(wide, shift_y, dice.uniform(-0.05, 0.03)),
    }
    return _specs(columns | _fabrics(dice, looks))


def _specs(columns: dict[str, Any]) -> Iterator[MaskSpec]:
    """Specs of columns by the names of their fields."""
    names = [field.name for field in fields(MaskSpec)]
    lists = [[field.default] * len(columns["kind"]) for field in fields(MaskSpec)]
    for name, values in columns.items():
        plain = values.T.tolist()
        whole = [*zip(*plain, strict=True)] if values.ndim == 2 else plain
        lists[names.index(name)] = whole
    for row in zip(*lists, strict=True):
        # Half of the time of its constructor, which sets field by field and checks.
        spec = object.__new__(MaskSpec)
        spec.__dict__.update(zip(names, row, strict=True))
        yield spec
