"""What one rendered thing on a face looks like, and how that is drawn at random."""

from __future__ import annotations

import zlib
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from masking.errors import BadRecord, InvalidConfig
from masking.masks.colours import Colour, any_colour, draw_look
from masking.masks.textures import Texture

MASKS = ("surgical", "cloth", "ffp2", "kn95", "duckbill", "gaiter")
# Through a visor the face is seen: it is no mask unless it is asked for.
KINDS = (*MASKS, "shield")
OCCLUDERS = ("sunglasses", "hand", "cap", "headscarf", "patch")
WEARING_STYLES = ("correct", "nose_out", "nose_and_mouth_out", "chin_out", "crooked")
_TILED = ("plain", "stripes", "check", "dots", "camouflage", "floral", "blocks")
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


@dataclass(frozen=True)
class MaskSpec:
    """Everything needed to render the same mask, or other thing on a face, again.

    Lengths are fractions of the face square (see `canonical_face`).

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
            (self.kind, KINDS + OCCLUDERS),
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
    # File names may hold bytes that are no UTF-8; Python escapes them so.
    name = sample_id.encode("utf-8", "surrogatepass")
    return np.random.default_rng([seed, zlib.crc32(name)])


def draw_specs(rng: np.random.Generator, config: SpecConfig) -> tuple[MaskSpec, ...]:
    """What one face wears, drawn at random: a mask, then perhaps an occluder.

    In the order of rendering. The same generator state gives the same specs.
    """
    mask = _draw_mask(rng, config)
    if rng.random() >= config.occluded:
        return (mask,)
    return (mask, draw_occluder(rng, OCCLUDERS[int(rng.integers(len(OCCLUDERS)))]))


def _draw_mask(rng: np.random.Generator, config: SpecConfig) -> MaskSpec:
    kind = config.kinds[int(rng.integers(len(config.kinds)))]
    wearing_style = _draw_wearing_style(rng, config.wrongly_worn)
    if kind == "shield" and wearing_style not in RIGID_STYLES:
        wearing_style = "correct"
    look = draw_look(rng, kind)
    tilt_rad = float(np.clip(rng.normal(0, _TILT_RAD), -0.08, 0.08))
    if wearing_style == "crooked":
        tilt_rad = float(rng.uniform(*_CROOKED_RAD) * rng.choice([-1, 1]))
    dark_strap = kind in ("cloth", "gaiter") or sum(look.colour) < 0.3
    spec = MaskSpec(
        kind=kind,
        wearing_style=wearing_style,
        rise=float(rng.uniform(-0.06, 0.06)),
        widen=float(rng.uniform(-0.03, 0.03)),
        hang=float(rng.uniform(0.0, 0.03)),
        tilt_rad=tilt_rad,
        colour=look.colour,
        second=look.second,
        print_name=look.print_name,
        print_pitch=look.pitch,
        print_rad=float(rng.uniform(0, np.pi)),
        strap=look.colour if dark_strap else (0.6, 0.6, 0.59),
        valve=bool(kind in ("ffp2", "kn95") and rng.random() < 0.4),
        wrinkle=float(rng.uniform(0.2, 1.0)),
        gloss=float(rng.uniform(0.85, 1.1)),
        seed=int(rng.integers(2**31)),
    )
    return _textured(spec, rng, config.textures)


def _textured(
    spec: MaskSpec, rng: np.random.Generator, textures: tuple[Texture, ...]
) -> MaskSpec:
    if not textures or spec.kind not in ("cloth", "gaiter"):
        return spec
    chosen = textures[int(rng.integers(len(textures)))]
    pitch = float(rng.uniform(0.3, 1.2))
    if rng.random() >= _TEXTURED_FRACTION:
        return spec
    return replace(
        spec,
        print_name="image",
        print_pitch=pitch,
        texture=chosen.path,
        texture_sha256=chosen.sha256,
    )


def _draw_wearing_style(rng: np.random.Generator, strength: float) -> str:
    dice = rng.random()
    for wearing_style, fraction in _WRONG_STYLES.items():
        dice -= fraction * strength
        if dice < 0:
            return wearing_style
    return "correct"


def draw_occluder(rng: np.random.Generator, kind: str) -> MaskSpec:
    """One of OCCLUDERS drawn at random; sizes and places vary more than masks' do."""
    look = draw_look(rng, kind)
    wide = kind in ("hand", "patch")
    return MaskSpec(
        kind=kind,
        wearing_style="correct",
        rise=float(rng.uniform(-0.06, 0.06)),
        widen=float(rng.uniform(-0.45, 0.25) if wide else rng.uniform(-0.06, 0.06)),
        hang=0.0,
        tilt_rad=float(rng.uniform(-0.6, 0.6) if wide else rng.normal(0, 0.03)),
        colour=look.colour,
        second=look.second,
        print_name=look.print_name,
        print_pitch=look.pitch,
        print_rad=float(rng.uniform(0, np.pi)),
        strap=any_colour(rng),
        valve=False,
        wrinkle=float(rng.uniform(0.2, 1.0)),
        gloss=float(rng.uniform(0.85, 1.1)),
        seed=int(rng.integers(2**31)),
        shift_x=float(rng.uniform(-0.35, 0.35) if wide else 0.0),
        shift_y=float(rng.uniform(-0.5, 0.3) if wide else rng.uniform(-0.05, 0.03)),
    )
