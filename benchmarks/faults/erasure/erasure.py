"""Removes a person with an unusual name whom every command has met.

Then looks for them in every byte of the workspace.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.faults.erasure.traces import (
    Traces,
    name_traces,
    near_vectors,
    photo_traces,
    stored_values,
    traces_below,
    value_traces,
)
from benchmarks.faults.processes.children import run
from benchmarks.faults.small_workspace import (
    ONE,
    SHIPPED,
    TRAINED,
    copy_people,
    newcomer_photos,
)
from benchmarks.faults.tally import Tally, Trial

NAME = "Zoë Quillfeather"
# Distance of embeddings below which dlib takes two faces for one person is .6.
SAME_FACE = 0.4

_DLIB = ("--model", "dlib-masked")


def try_erasure(trial: Trial) -> Tally:
    """Run every command, remove the person, and look."""
    tally = Tally("erasure")
    workspace, scratch = trial.folder / "workspace", trial.folder / "scratch"
    scratch.mkdir()
    people = copy_people(trial.folder / "people", 5, 3)
    photos = _own_photos(people)
    for step, words in enumerate(_commands(trial.folder, people, photos)):
        done = run([*words, "--workspace", workspace], scratch)
        tally.peak_mb = max(tally.peak_mb, done.peak_mb)
        if done.flaw:
            tally.fault(done.flaw, f"{' '.join(done.arguments[:3])} | {step}")
    found = stored_values(workspace)
    before = trial.folder / "before"
    shutil.copytree(workspace, before)
    done = run(["gallery", "remove", NAME, "--yes", "--workspace", workspace], scratch)
    if done.code:
        tally.fault(done.flaw or "undead", f"gallery remove | {done.last_words}")
    found -= stored_values(workspace)
    traces = name_traces(NAME) | photo_traces(photos) | value_traces(found)
    # Where nothing had been, finding nothing would say nothing.
    tally.tried = len(_left(before, traces, found))
    for file, kind in _left(workspace, traces, found):
        tally.fault("erased_found", f"removed, {kind} in {_place(file)} | {file}")
    # The photographs are the user's to delete; then nothing comes back.
    shutil.rmtree(people / NAME)
    run(["augment", people, *ONE, "--workspace", workspace], scratch)
    for file, kind in traces_below(workspace / "augmented", traces):
        tally.fault("erased_found", f"augmented again, {kind} | {file}")
    return tally


def _own_photos(people: Path) -> list[Path]:
    """Photographs of the person, whose files have names of their own."""
    home = people / NAME
    home.mkdir()
    photos = []
    for number, photo in enumerate(newcomer_photos()):
        photos.append(home / f"quillfeather-{number:04d}.jpg")
        shutil.copy(photo, photos[-1])
    return photos


def _commands(
    folder: Path, people: Path, photos: list[Path]
) -> list[tuple[str | Path, ...]]:
    """Every command that may see a person."""
    out, impostors = folder / "out", people
    table = folder / "people.csv"
    table.write_text(f"person,file\n{NAME},{photos[2]}\n", encoding="utf-8")
    return [
        ("augment", people, "--variants", "1", *ONE),
        ("train", *TRAINED),
        ("enroll", NAME, *photos[:2], "--consent", f"form of {NAME}"),
        ("enroll", "--csv", table, *ONE),
        ("identify", photos[3]),
        ("identify", photos[3], "--csv", out / "answers.csv", "--engine", "annoy"),
        ("identify", folder / "not there.jpg"),
        ("gallery", "show", NAME),
        ("gallery", "rename", NAME, f"{NAME} II"),
        ("gallery", "rename", f"{NAME} II", NAME),
        ("gallery", "verify"),
        ("gallery", "backup"),
        ("gallery", "export", out / "gallery.npz"),
        ("gallery", "rebuild", *SHIPPED),
        ("gallery", "backup"),
        ("gallery", "restore", "--force", "--yes"),
        ("identify", photos[3], *SHIPPED),
        ("evaluate", people, "--rounds", "0", *SHIPPED, *ONE),
        ("embed", people, "--out", out / "people.npz", *SHIPPED, *ONE),
        ("calibrate", impostors, *SHIPPED, *ONE),
        (
            "export",
            "--format",
            "dlib",
            "--out",
            out / "network.dat",
            "--model",
            "dlib-masked",
        ),
        ("enroll", NAME, folder / "not there.jpg", *SHIPPED),
        ("gallery", "audit"),
    ]


def _left(
    workspace: Path, traces: Traces, gone: set[bytes | str]
) -> list[tuple[str, str]]:
    near = near_vectors(workspace, gone, SAME_FACE)
    return traces_below(workspace, traces) + near


def _place(file: str) -> str:
    return "/".join(file.split("/")[:2])
