"""The group of all commands, and the options that they share or make from settings.

The group ends every mistake, and signals, with one line. SIGTERM and SIGHUP end a
command like Ctrl-C: what is half done is cleaned up.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import Field, fields
from pathlib import Path
from types import FrameType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import click
from click.exceptions import Exit, NoArgsIsHelpError, UsageError

from index.commands.terminal.printing import open_streams, say, stop_output
from masking.errors import ToolkitError
from masking.files.text import refuse_address
from masking.settings import Settings

if TYPE_CHECKING:
    from training.embedders.embedded_face import Embedder
    from training.embedders.torch_embedder import NetworkEmbedder


# Up to here importing torch takes longer than embedding without it.
_FEW_PHOTOS = 8

Command = TypeVar("Command", bound=Callable[..., Any])
OPTIONS, ADVANCED = "Options", "Advanced"
# By the name of the parameter, for all commands; all others are main options.
GROUPS = {
    "Search": {"top_k", "engine", "uri", "fpir", "threshold"},
    "Video": {"video", "camera", "every", "seconds"},
    "Masks": {"kinds", "wrongly_worn", "occluded", "textures", "masked_fraction"}
    | {"shared_masks", "unseen", "masked_references"},
    "Loss": {"prototype_weight", "distillation_weight", "head", "head_weight"}
    | {"margin", "head_scale"},
    ADVANCED: {"model", "device", "workers", "batch_size", "seed", "ray", "shard"}
    | {"samples_per_person", "warm_up", "ema_decay", "blend", "validation_fraction"}
    | {"validation_seed", "precision", "accumulate", "checkpointing", "compile"}
    | {"tensorboard", "crop_is_face", "merge", "cohorts", "max_pairs"}
    | {"rounds", "flip_average", "on_no_face", "port"},
}
_WORKSPACE = "workspace"


class GivenPath(click.Path):
    """A path that is not empty: Path("") is the working directory."""

    def convert(self, value: Any, *rest: Any) -> Any:
        """Refuse what an unset variable of a shell leaves behind, and addresses."""
        if str(value) == "" or value == b"":
            self.fail("the path is empty, expected a file or folder.", *rest)
        refuse_address(os.fsdecode(value))
        return super().convert(value, *rest)


A_PATH = GivenPath(path_type=Path)


class Camera(click.ParamType[int | str]):
    """The number of a camera of this machine, or the address of one in a network."""

    name = "number|url"

    def convert(self, value: Any, *rest: Any) -> int | str:
        """Refuse what is neither."""
        if str(value).isdecimal():
            return int(value)
        if str(value).lower().startswith(("rtsp://", "http://", "https://")):
            return str(value)
        self.fail(
            f"{value!r} is neither a number from 0 nor an rtsp:// or http:// address.",
            *rest,
        )


class WorkspacePath(GivenPath):
    """A folder for a gallery: Annoy opens only files whose path is UTF-8."""

    def convert(self, value: Any, *rest: Any) -> Any:
        """Refuse other paths."""
        return super().convert(_unicode(self, value, *rest), *rest)


class GivenText(click.types.StringParamType):
    """Text that can be stored and compared."""

    def convert(self, value: Any, *rest: Any) -> Any:
        """Refuse what a terminal of another encoding leaves behind."""
        return super().convert(_unicode(self, value, *rest), *rest)


def _unicode(kind: click.ParamType[Any], value: Any, *rest: Any) -> Any:
    if any("\ud800" <= letter <= "\udfff" for letter in str(value)):
        kind.fail(f"{str(value)!a} holds bytes that are no UTF-8.", *rest)
    return value


_RANGES: dict[type, type[click.IntRange | click.FloatRange]] = {
    int: click.IntRange,
    float: click.FloatRange,
}


def _type_of(kind: Any, item: Field[Any]) -> Any:
    """What click checks and shows: choices of a `Literal`, range of a number."""
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind in _RANGES:
        bounded = _RANGES[kind](**item.metadata["bounds"])
        # For messages: by itself it is "integer range".
        bounded.name = click.types.convert_type(kind).name
        return bounded
    return GivenText() if kind is str else kind


def options_from(settings: type[Settings]) -> Callable[[Command], Command]:
    """One option per field: name, type, default and help from the dataclass."""
    types = get_type_hints(settings)

    def decorate(command: Command) -> Command:
        for item in reversed(fields(settings)):  # type: ignore[arg-type]
            kind, name = types[item.name], item.name.replace("_", "-")
            command = click.option(
                f"--{name}/--no-{name}" if kind is bool else f"--{name}",
                type=_type_of(kind, item),
                default=item.default,
                # An empty text is none.
                show_default=item.default != "",
                help=item.metadata["help"],
            )(command)
        return command

    return decorate


workspace_option = click.option(
    "--workspace",
    type=WorkspacePath(path_type=Path),
    default=Path("workspace"),
    show_default=True,
    help="Folder for everything that is made.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
model_option = click.option(
    "--model",
    default="auto",
    show_default=True,
    help="auto (latest trained, else shipped), shipped, dlib-masked, dlib, or a "
    "checkpoint.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
)


def embedder_of(
    workspace: Path, model: str, device: str, flip_average: bool = True
) -> NetworkEmbedder:
    """The embedder that --model and --device mean, see `choose_embedder`."""
    from training.checkpoints.store import choose_embedder

    return choose_embedder(model, workspace / "models", device, flip_average)


def onnx_embedder_of(
    workspace: Path, model: str, device: str, photos: Sequence[Path]
) -> Embedder:
    """The embedder that --model and --device mean, for these photos or folders.

    A few photos are embedded without torch, unless a device is named.
    """
    few = 0 < len(photos) <= _FEW_PHOTOS and not any(path.is_dir() for path in photos)
    if device != "auto" or not few:
        return embedder_of(workspace, model, device)
    from training.checkpoints.store import choose_onnx_embedder

    return choose_onnx_embedder(model, workspace / "models")


class GroupedCommand(click.Command):
    """A command whose --help has a heading for each group of options."""

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options of each group, the main ones first."""
        found: dict[str, list[tuple[str, str]]]
        found = {name: [] for name in (OPTIONS, *GROUPS)}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            # Arguments are told of in the text above.
            if record and isinstance(option, click.Option):
                found[group_of(option.name or "")].append(record)
        for name, records in found.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


def group_of(option: str) -> str:
    """The heading that an option of this name stands below."""
    return next((name for name, own in GROUPS.items() if option in own), OPTIONS)


def complete_name(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The people of the gallery whose names begin so, small letters or capitals."""
    from index.gallery.gallery import open_gallery

    folder = Path(ctx.params.get(_WORKSPACE) or _WORKSPACE) / "gallery"
    try:
        with open_gallery(folder) as gallery:
            names = [person.name for person in gallery.people()]
    except (ToolkitError, OSError):
        # There is nothing to complete; the command will say what is wrong.
        return []
    start = incomplete.casefold()
    return [name for name in names if name.casefold().startswith(start)]


# What a shell gives for a program that SIGPIPE ended.
_BROKEN_PIPE = 141
# Windows has no SIGHUP.
_ENDS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class ToolkitGroup(click.Group):
    """Ends every mistake that a user can fix with one line and exit code 2."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments of the group; --help and --version print here."""
        open_streams()
        with _ending_in_one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        with _ending_in_one_line(), ended_like_ctrl_c():
            return super().invoke(ctx)


@contextmanager
def _ending_in_one_line() -> Iterator[None]:
    try:
        yield
    except ToolkitError as error:
        say(f"error: {error}", err=True)
        raise Exit(2) from error
    except NoArgsIsHelpError:
        raise
    except UsageError as error:
        name = error.ctx.command_path if error.ctx else "cli.py"
        say(f"error: {error.format_message()} See {name} --help.", err=True)
        raise Exit(2) from error
    except BrokenPipeError as error:
        # The reader of our output (head, less) has seen enough.
        stop_output()
        raise Exit(_BROKEN_PIPE) from error
    except KeyboardInterrupt as error:
        say("interrupted: run the same command again to go on from here.", err=True)
        raise Exit(130) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        what = f"{where}{error.strerror or error}."
        say(f"error: {what} {_remedy(error)}", err=True)
        raise Exit(2) from error


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room, then run the same command again: it goes on from here."
    return "Expected a place that can be read and written; choose another one."


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """A clone works without being installed: then setup.cfg knows the version."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("masked-faces")
    except PackageNotFoundError:
        from configparser import ConfigParser

        setup = ConfigParser()
        setup.read(Path(__file__).parents[3] / "setup.cfg", encoding="utf-8")
        number = setup.get("metadata", "version", fallback="unknown")
    say(f"masked-faces {number}")
    ctx.exit()


version_option = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Within it, both signals raise KeyboardInterrupt in the main thread, once.

    What they did before is restored afterwards. One that is ignored stays ignored:
    `nohup` asks for that. Elsewhere than in the main thread nothing is changed,
    since only that one may say what signals do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() != owner:
            # A fork inherited this; whoever started it wants it to end at once.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # A closed terminal sends several: they must not interrupt the cleaning up.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDS}
    # None is a handler that was not set from Python: it could not be set again.
    kept = (signal.SIG_IGN, None)
    before = {number: old for number, old in before.items() if old not in kept}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
