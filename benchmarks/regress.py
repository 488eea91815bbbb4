"""Whether anything became slower: small forms of the speed benchmarks, by hand.

Each figure is a ratio to a plain limit that is measured in the same run, such as bare
decoding and encoding, so that other work on the machine weighs on both. They are
compared with those of `regress.json` for this kind of machine. Takes minutes.

    python -m benchmarks.regress            # fails when one fell by more than a fifth
    python -m benchmarks.regress --write    # keeps what is measured now
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

from benchmarks.speed import (
    identify_speed,
    masking_speed,
    search_speed,
    training_speed,
)
from masking.datasets.images import list_images
from masking.datasets.sample import sample_people

KEPT = Path(__file__).with_suffix(".json")
# Two runs on one machine that others use, too, differ by a tenth.
_MAY_FALL = 0.2
# A search is a matter of memory, whose speed differs by a third from one to the next.
_SEARCHES = 5
# Rows of `masking_speed` that are not the limit itself.
_MASKING = ("first pass", "250 px, landmarks known", "112 px, batches of 64, CPU")


def measure() -> dict[str, float]:
    """Ratios to plain limits; higher is better."""
    people = sorted(sample_people().iterdir())[:24]
    photos = [list_images(person)[0] for person in people]
    masking = {row.name: row.ratio for row in masking_speed.measure(photos, 2)}
    searches = [search_speed.measure(10_000, 300) for _ in range(_SEARCHES)]
    training = {row.name: row.ratio for row in training_speed.measure(6, 32, 3, "cpu")}
    answers = identify_speed.measure(sample_people(), 8, 1)
    found = {f"masks, {name}": masking[name] for name in _MASKING}
    for way in ("exact", "annoy"):
        ratios = [row.ratio for rows in searches for row in rows if row.way == way]
        found[f"search of 10,000, {way}"] = float(np.median(ratios))
    found |= {name: training[name] for name in ("step on ready chips", "training")}
    found["embedding, beside dlib"] = training["ours"]
    found["answer, beside face_recognition"] = (
        answers["whole_theirs_ms"] / answers["whole_ms"]
    )
    return {name: round(value, 4) for name, value in found.items()}


def fallen(now: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    """A sentence for each figure that fell by more than a fifth, or is gone."""
    sentences = []
    for name, was in before.items():
        value = now.get(name, 0.0)
        if value < was * (1 - _MAY_FALL):
            sentences.append(f"{name}: {value:.3g}, was {was:.3g} ({value / was:.0%}).")
    return sentences


def machine_kind(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """System and processor: ratios of different ones are not compared.

    Family, model and stepping stand beside the name, as virtual machines call several
    generations of processors by one.
    """
    said: dict[str, str] = {}
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            said.setdefault(key.strip(), value.strip())
    model = said.get("model name") or platform.processor() or "unknown processor"
    generation = [
        said[key] for key in ("cpu family", "model", "stepping") if key in said
    ]
    kind = f"{platform.system()} {platform.machine()}, {model} {'.'.join(generation)}"
    return kind.rstrip()


@click.command()
@click.option("--write", is_flag=True, help="Keep the figures for this machine kind.")
def main(write: bool) -> None:
    """Measure, and compare with what is kept."""
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    kind = machine_kind()
    if not write and kind not in kept:
        raise click.ClickException(
            f"{KEPT}: has no figures of {kind}, only of {', '.join(kept) or 'none'}. "
            "Run it with --write on the last release first."
        )
    now = measure()
    for name, value in now.items():
        click.echo(f"{name:<40} {value:8.3g}")
    if write:
        KEPT.write_text(json.dumps(kept | {kind: now}, indent=1) + "\n")
    elif worse := fallen(now, kept[kind]):
        raise click.ClickException("slower than before: " + " ".join(worse))


if __name__ == "__main__":
    main()
