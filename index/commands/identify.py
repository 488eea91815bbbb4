"""The command `identify`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from index.commands.terminal.options import (
    A_PATH,
    Camera,
    GroupedCommand,
    device_option,
    json_option,
    model_option,
    onnx_embedder_of,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json
from index.identification.config import IdentifyConfig, VideoConfig
from masking.files.text import counted

if TYPE_CHECKING:
    from index.identification.answers import Answer
    from index.identification.stage import Identifier


@dataclass(frozen=True)
class Sources:
    """What is to be identified; None = not asked for.

    Attributes:
        head: what was read of standard input.
        received: that of `videos` which came from there.
    """

    photos: tuple[Path, ...]
    videos: tuple[Path, ...]
    camera: int | str | None
    head: bytes = b""
    received: Path | None = None

    @property
    def is_video(self) -> bool:
        """Whether frames come without an end in sight."""
        return bool(self.videos) or self.camera is not None


@click.command("identify", cls=GroupedCommand)
@click.argument("photos", nargs=-1, type=A_PATH)
@workspace_option
@model_option
@device_option
@click.option("--video", type=A_PATH, help="A video file; one answer a track.")
@click.option(
    "--camera",
    type=Camera(),
    help="A camera of this machine, from 0, or an rtsp:// or http:// address, which is "
    "the one thing that is looked up in a network; Ctrl-C ends it.",
)
@click.option(
    "--sort-into", type=A_PATH, help="New folder: copies in a folder a person."
)
@click.option("--link", is_flag=True, help="With --sort-into: hard links, no copies.")
@click.option("--csv", "table", type=A_PATH, help="Table of the answers to write.")
@click.option(
    "--show/--no-show", default=True, help="Open the result card on a desktop."
)
@json_option
@click.option("--verbose", is_flag=True, help="A sentence for every face, no table.")
@options_from(IdentifyConfig)
@options_from(VideoConfig)
def identify_command(
    photos: tuple[Path, ...],
    workspace: Path,
    model: str,
    device: str,
    video: Path | None,
    camera: int | str | None,
    sort_into: Path | None,
    link: bool,
    table: Path | None,
    show: bool,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Say who is in PHOTOS (files, folders, videos, - for standard input).

    Several photos are answered in a table: photo, name and how sure that is.

    Draws a card for every face, masked or not: probe, score and the person it was
    identified with, or "unknown". The score says how much nearer the face is than a
    match has to be in this gallery: higher is closer, and a name is accepted from 0
    on. "A or B" (ambiguous) means that two people pass who are too alike to tell.
    Nobody is named twice in one photo. A photograph of a photograph (on a phone,
    poster or T-shirt, a printed mask) is taken for the person: telling them apart is
    out of scope. Exit code: 0 all named, 5 some ambiguous, 3 some unknown, 4 a photo
    without a face, 2 a photo that cannot be read.

    \b
    Examples:
        python cli.py identify masked.jpg
        python cli.py identify party.mp4 --csv guests.csv
        python cli.py identify - --json < masked.jpg
        python cli.py identify --camera rtsp://192.168.1.9/live
        python cli.py identify holiday --sort-into sorted
    With --sort-into each photo goes to whom its most prominent face shows: into NAME,
    unknown-01 and so on for people who are not enrolled, unsure ("A or B"), or no-face;
    the exit code is 0, or 2. Name the unknown folders, then:
        python cli.py enroll --folder sorted
    """
    _refuse_mixed(sort_into is not None)
    if sort_into is not None:
        _sort(photos, sort_into, link, workspace, (model, device), as_json)
    config = IdentifyConfig(**_chosen(IdentifyConfig, options))
    videos = VideoConfig(**_chosen(VideoConfig, options))
    from index.commands.terminal.answer_printer import AnswerPrinter
    from index.gallery.gallery import open_gallery
    from index.identification.answers import exit_code
    from index.identification.stage import Identifier
    from masking.faces.finder import default_finder

    statuses: set[str] = set()
    cards: list[Path] = []
    out = workspace / "identified"
    with ExitStack() as stack:
        sources = _sources(photos, video, camera, stack)
        few = () if sources.is_video else photos
        embedder = onnx_embedder_of(workspace, model, device, few)
        gallery = stack.enter_context(open_gallery(workspace / "gallery"))
        write = _table_of(table, stack)
        identifier = Identifier(gallery, embedder, default_finder(), out, config)
        found = _photos(sources, identifier)
        names = [person.name for person in gallery.people()]
        probes = (*found, *sources.videos)
        printer = AnswerPrinter(as_json, verbose, probes, names)
        for answer in _answers(found, sources, identifier, videos, config.cards):
            write(answer)
            printer.show(answer)
            statuses.add(answer.status)
            if not cards and answer.card:
                cards.append(answer.overview or answer.card)
    printer.end(out if cards else None)
    if show and cards and not as_json:
        _open_card(cards[0])
    sys.exit(exit_code(statuses))


# What --sort-into understands.
_OF_SORTING = frozenset(
    ("photos", "workspace", "model", "device", "sort_into", "link", "as_json")
)


def _refuse_mixed(sorting: bool) -> None:
    """Options that would change nothing are a mistake."""
    context = click.get_current_context()
    options = {p.name: p.opts[-1] for p in context.command.params if p.name}
    given = [
        name
        for name in options
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if sorting and (other := [name for name in given if name not in _OF_SORTING]):
        raise click.UsageError(
            f"--sort-into sorts photos and answers nothing else; it takes no "
            f"{options[other[0]]}."
        )
    if not sorting and "link" in given:
        raise click.UsageError("--link only says how --sort-into fills its folders.")


def _photos(sources: Sources, identifier: Identifier) -> list[Path]:
    if sources.is_video and not sources.photos:
        return []
    return identifier.photos(sources.photos)


def _sources(
    given: tuple[Path, ...],
    video: Path | None,
    camera: int | str | None,
    stack: ExitStack,
) -> Sources:
    """Videos among the photos are told by what they hold."""
    from index.identification import sources
    from index.identification.sources import STANDARD_INPUT

    named: tuple[Path, ...] = () if video is None else (video,)
    sources.refuse_twice((*named, *given))
    head, received = b"", None
    if STANDARD_INPUT in (*named, *given):
        head = sys.stdin.buffer.read(sources.HEAD_BYTES)
        if STANDARD_INPUT in named or sources.begins_as_video(head):
            from index.identification.video.frames import received_video

            file = received_video(head, sys.stdin.buffer)
            received = stack.enter_context(file)
            named = tuple(path for path in named if path != STANDARD_INPUT)
            given = tuple(path for path in given if path != STANDARD_INPUT)
            named = (*named, received)
    found = tuple(path for path in given if sources.is_video(path))
    photos = tuple(path for path in given if path not in found)
    return Sources(photos, (*named, *found), camera, head, received)


def _sort(
    given: tuple[Path, ...],
    out: Path,
    link: bool,
    workspace: Path,
    model: tuple[str, str],
    as_json: bool,
) -> NoReturn:
    from index.gallery.gallery import open_or_create_gallery
    from index.identification.sorting import sort_photos
    from index.identification.sources import probe_photos
    from masking.datasets.folders import refuse_overlap
    from masking.faces.finder import default_finder

    for path in given:
        if path.is_dir():
            refuse_overlap(path, out)
    photos = probe_photos(given)
    embedder = onnx_embedder_of(workspace, *model, given)
    with open_or_create_gallery(workspace / "gallery", embedder) as gallery:
        report = sort_photos(photos, gallery, embedder, default_finder(), out, link)
    if as_json:
        say_json(asdict(report))
        sys.exit(report.exit_code)
    for reason in report.unread.values():
        say(f"not sorted: {reason}", err=True)
    for folder, count in sorted(report.folders.items()):
        say(out / folder, counted(count, "photo"))
    sys.exit(report.exit_code)


def _chosen(config: type, options: dict[str, Any]) -> dict[str, Any]:
    return {item.name: options[item.name] for item in fields(config)}


def _table_of(path: Path | None, stack: ExitStack) -> Callable[[Answer], None]:
    from index.identification.answers import answer_table

    return stack.enter_context(answer_table(path)) if path else lambda answer: None


def _answers(
    photos: list[Path],
    sources: Sources,
    identifier: Identifier,
    videos: VideoConfig,
    with_cards: bool,
) -> Iterator[Answer]:
    from tqdm import tqdm

    from index.identification.sources import probe_bytes

    # A single photo is done before a bar could be read.
    quiet = None if len(photos) > 1 else True
    for photo in tqdm(photos, "identify", unit="photo", leave=False, disable=quiet):
        yield from identifier.answers(
            photo, lambda path: probe_bytes(path, sys.stdin.buffer, sources.head)
        )
    if sources.is_video:
        yield from _video_answers(sources, identifier, videos, with_cards)


def _video_answers(
    sources: Sources, identifier: Identifier, videos: VideoConfig, with_cards: bool
) -> Iterator[Answer]:
    from datetime import datetime

    from index.identification.sources import STANDARD_INPUT, shown_name
    from index.identification.video import frames as probes
    from index.identification.video.stage import identify_video

    rhythm = (videos.every, videos.seconds)
    for path in sources.videos:
        token = probes.video_token(path)
        name = shown_name(STANDARD_INPUT) if path == sources.received else path
        with probes.open_video(path, name) as video:
            frames = probes.video_frames(video, *rhythm, str(name))
            yield from identify_video(frames, name, token, identifier, with_cards)
    if sources.camera is not None:
        path = Path(probes.camera_name(sources.camera))
        token = f"{datetime.now():%Y%m%d-%H%M%S}"
        with probes.open_camera(sources.camera) as video:
            frames = probes.camera_frames(video, *rhythm, str(path))
            yield from identify_video(frames, path, token, identifier, with_cards)


def _open_card(card: Path) -> None:
    """Open a card where a person is sitting at a desktop."""
    has_desktop = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_desktop and sys.stdout.isatty():
        click.launch(str(card))
