"""Command line: parses, calls one stage, prints. Heavy packages load late."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import click

from index.evaluate_config import EmbedConfig, EvaluateConfig
from index.identify_config import IdentifyConfig
from masking.augment_config import AugmentConfig
from masking.errors import ToolkitError
from training.train_config import TrainConfig

if TYPE_CHECKING:
    from index.answers import Answer
    from training.network_embedder import NetworkEmbedder

Command = TypeVar("Command", bound=Callable[..., Any])
CELEBRITIES = Path("data/celebrities")
_A_PATH = click.Path(path_type=Path)


def options_from(config: type) -> Callable[[Command], Command]:
    """One option per field: name, type, default and help from the dataclass."""
    types = get_type_hints(config)

    def decorate(command: Command) -> Command:
        for item in reversed(fields(config)):
            name = item.name.replace("_", "-")
            flag = f"--{name}/--no-{name}" if types[item.name] is bool else f"--{name}"
            command = click.option(
                flag,
                type=types[item.name],
                default=item.default,
                show_default=True,
                help=item.metadata["help"],
            )(command)
        return command

    return decorate


class ToolkitGroup(click.Group):
    """Ends every mistake that a user can fix with one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except ToolkitError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)
        except BrokenPipeError:
            # The reader of our output (head, less) has seen enough.
            sys.stderr.close()
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo(
                "interrupted: run the same command again to go on from here.", err=True
            )
            ctx.exit(130)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"error: {where}{error.strerror or error}", err=True)
            ctx.exit(2)


_workspace = click.option(
    "--workspace",
    type=_A_PATH,
    default=Path("workspace"),
    show_default=True,
    help="Folder for everything that is made.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_model = click.option(
    "--model",
    default="auto",
    show_default=True,
    help="auto (latest trained, else shipped), shipped, dlib, or a checkpoint.",
)
_device = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
)


@click.group(cls=ToolkitGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="masked-faces")
def main() -> None:
    """Recognise faces that wear masks: augment, train, enroll, identify.

    \b
    The main job, without further arguments:
        python cli.py augment
        python cli.py train
        python cli.py identify masked.jpg
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)


@main.command("augment")
@click.argument("folder", required=False, type=_A_PATH)
@_workspace
@_json
@options_from(AugmentConfig)
def augment_command(
    folder: Path | None, workspace: Path, as_json: bool, **options: Any
) -> None:
    """Paint masks on the photographs of FOLDER, one folder per person.

    Without FOLDER: ./data/celebrities if there is one, else the embedded sample of
    people who do not exist.

    \b
    Example:
        python cli.py augment data/celebrities --variants 4
    """
    config = AugmentConfig(**options)
    source = folder or _default_photos()
    from masking.augment_stage import augment

    out = workspace / "augmented"
    report = augment(source, out, config)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        click.echo(
            f"{report.chips} faces of {report.people} people from {report.photos} "
            f"photos, {report.masked} masked versions, {len(report.skipped)} photos "
            f"skipped ({out}/report.json says why)"
        )
        click.echo(f"look at {out}/preview.png")
    sys.exit(report.exit_code)


def _default_photos() -> Path:
    from masking.embedded_sample import sample_people

    if CELEBRITIES.is_dir():
        click.echo(f"no FOLDER given: using {CELEBRITIES}", err=True)
        return CELEBRITIES
    click.echo(
        "no FOLDER given and no ./data/celebrities: using the embedded sample of "
        "synthetic people. For real data: python cli.py fetch lfw",
        err=True,
    )
    return sample_people()


@main.command("train")
@_workspace
@click.option(
    "--start",
    default="dlib",
    show_default=True,
    help="Weights to start from: dlib, shipped, or a checkpoint.",
)
@click.option(
    "--only", type=_A_PATH, help="Train on the people named in this file alone."
)
@click.option("--without", type=_A_PATH, help="Leave out the people of this file.")
@_json
@options_from(TrainConfig)
def train_command(
    workspace: Path,
    start: str,
    only: Path | None,
    without: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train an embedder on what `augment` made, then fill the gallery with it.

    \b
    Example:
        python cli.py train --epochs 10
    """
    config = TrainConfig(**options)
    from masking.manifest import read_manifest
    from masking.people_lists import read_names, select_people
    from training.model_choice import choose_embedder
    from training.train_stage import train

    whole = read_manifest(workspace / "augmented")
    manifest = select_people(
        whole,
        read_names(only) if only else None,
        read_names(without) if without else frozenset(),
    )
    models = workspace / "models"
    begin = choose_embedder(start, models, config.device)
    report = train(manifest, models, config, begin)
    embedder = choose_embedder(str(report.checkpoint), models, config.device)
    from index.build_gallery_stage import build_gallery

    built = build_gallery(workspace / "gallery", whole, manifest, embedder, config)
    if as_json:
        trained = asdict(report) | {"checkpoint": str(report.checkpoint)}
        click.echo(json.dumps({"training": trained, "gallery": asdict(built)}))
        return
    click.echo(f"trained on {report.chips} chips of {report.people} people")
    click.echo(_figures_table(report.before, report.after, report.validation_people))
    click.echo(
        f"gallery: {built.people} people, {built.photos} photos; accepted below "
        f"distance {built.threshold:.3f}"
    )
    click.echo(f"model {report.checkpoint}, curves in {models}/train-report")


def _figures_table(
    before: dict[str, float], after: dict[str, float], people: int
) -> str:
    names = {
        "uu_1e3": "bare - bare",
        "mu_1e3": "masked - bare",
        "mm_1e3": "masked - masked",
    }
    lines = [f"TAR at FAR 0.001, {people} validation people   before   after"]
    lines += [
        f"  {label:<42} {before[key]:.3f}   {after[key]:.3f}"
        for key, label in names.items()
    ]
    return "\n".join(lines)


@main.command("enroll")
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, type=_A_PATH)
@_workspace
@_model
@_device
@_json
def enroll_command(
    name: str,
    photos: tuple[Path, ...],
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
) -> None:
    """Add a person to the gallery; nothing is trained again.

    PHOTOS are files, or folders that show nobody but this person.

    \b
    Example:
        python cli.py enroll "Person 61" photos/61/*.jpg
    """
    from index.enroll_stage import enroll
    from index.gallery import open_or_create_gallery
    from masking.face_detection import default_finder

    embedder = _embedder(workspace, model, device)
    with open_or_create_gallery(workspace / "gallery", embedder) as gallery:
        report = enroll(name, photos, gallery, embedder, default_finder())
        size = len(gallery.people())
    if as_json:
        click.echo(json.dumps({"name": name, "people": size} | asdict(report)))
        return
    for reason in report.failures.values():
        click.echo(f"skipped: {reason}", err=True)
    for photo, distance in report.unlike.items():
        click.echo(
            f"look again: {photo} is {distance:.2f} from the other photos of {name}",
            err=True,
        )
    click.echo(
        f"{name}: {len(report.added)} photos added, {len(report.known)} known before, "
        f"{len(report.failures)} skipped; the gallery holds {size} people"
    )


def _embedder(workspace: Path, model: str, device: str) -> NetworkEmbedder:
    from training.model_choice import choose_embedder

    return choose_embedder(model, workspace / "models", device)


@main.command("identify")
@click.argument("photos", nargs=-1, required=True, type=_A_PATH)
@_workspace
@_model
@_device
@click.option(
    "--show/--no-show", default=True, help="Open the result card on a desktop."
)
@_json
@options_from(IdentifyConfig)
def identify_command(
    photos: tuple[Path, ...],
    workspace: Path,
    model: str,
    device: str,
    show: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Say who is in PHOTOS (files or folders), masked or not, or "unknown".

    Draws a card for every face: probe, score and the person it was identified
    with. Exit code: 0 all named, 3 some unknown, 4 a photo without a face, 2 a
    photo that cannot be read.

    \b
    Example:
        python cli.py identify masked.jpg
    """
    config = IdentifyConfig(**options)
    from index.answers import answer_line, answer_record, exit_code
    from index.gallery import open_gallery
    from index.identify_stage import identify
    from masking.face_detection import default_finder

    out = workspace / "identified"
    embedder = _embedder(workspace, model, device)
    with open_gallery(workspace / "gallery") as gallery:
        answers = identify(photos, gallery, embedder, default_finder(), out, config)
    for answer in answers:
        if as_json:
            click.echo(answer_record(answer))
        else:
            click.echo(answer_line(answer))
            if answer.card:
                click.echo(f"  card: {answer.card}")
    if show and not as_json:
        _open_card(answers)
    sys.exit(exit_code(answers))


def _open_card(answers: list[Answer]) -> None:
    """Open the first card where a person is sitting at a desktop."""
    cards = [answer.card for answer in answers if answer.card]
    has_desktop = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if cards and has_desktop and sys.stdout.isatty():
        click.launch(str(cards[0]))


@main.command("evaluate")
@click.argument("folder", type=_A_PATH)
@click.option(
    "--people", type=_A_PATH, help="Only the people of this list (LFW's format)."
)
@click.option(
    "--out", type=_A_PATH, help="Folder of the report; WORKSPACE/evaluated/NAME."
)
@_workspace
@_model
@_device
@click.option(
    "--flip-average/--no-flip-average",
    default=False,
    help="Embed each chip and its mirror image, and take the mean.",
)
@_json
@options_from(EvaluateConfig)
def evaluate_command(
    folder: Path,
    people: Path | None,
    out: Path | None,
    workspace: Path,
    model: str,
    device: str,
    flip_average: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure verification and identification on FOLDER, beside dlib's network.

    FOLDER has a folder per person (masks are painted), or a labels.csv with the
    columns person, file, mask (really masked people).

    \b
    Example:
        python cli.py evaluate data/lfw --people data/peopleDevTest.txt
    """
    config = EvaluateConfig(**options)
    from index.evaluate_stage import evaluate
    from index.labelled_photos import read_labelled_photos
    from training.model_choice import choose_embedder

    photos = read_labelled_photos(folder, people)
    models = workspace / "models"
    embedders = [choose_embedder("dlib", models, device, flip_average)]
    if model != "dlib":
        embedders.append(choose_embedder(model, models, device, flip_average))
    out = out or workspace / "evaluated" / folder.resolve().name
    report = evaluate(photos, embedders, out, config, workspace / "found-faces")
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    click.echo(report.table())
    click.echo(f"plots and report.json in {out}")


@main.command("embed")
@click.argument("folder", type=_A_PATH)
@click.option("--out", type=_A_PATH, required=True, help="The .npz file to write.")
@_workspace
@_model
@_device
@_json
@options_from(EmbedConfig)
def embed_command(
    folder: Path,
    out: Path,
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Write the embeddings of all photographs below FOLDER, for your own use.

    The file holds paths, embeddings (N, D) and found (N,).

    \b
    Example:
        python cli.py embed photos --out photos.npz
    """
    config = EmbedConfig(**options)
    from index.embed_stage import embed_folder

    report = embed_folder(folder, out, _embedder(workspace, model, device), config)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        for photo, reason in report.failures.items():
            click.echo(f"not found in {photo}: {reason}", err=True)
        click.echo(
            f"{out}: {report.found} faces, {len(report.failures)} photos without"
        )
    sys.exit(report.exit_code)


@main.command("fetch")
@click.argument("dataset", type=click.Choice(["lfw"]))
@click.option("--out", type=_A_PATH, default=CELEBRITIES, show_default=True)
def fetch_command(dataset: str, out: Path) -> None:
    """Download a data set (scikit-learn's downloader checks its hash).

    \b
    Example:
        python cli.py fetch lfw
    """
    from index.fetch_stage import fetch_lfw

    count = fetch_lfw(out)
    click.echo(f"{out}: {count} people. Next: python cli.py augment")


@main.command("demo")
@_workspace
def demo_command(workspace: Path) -> None:
    """Do the whole job once on the embedded sample of synthetic people.

    \b
    Example:
        python cli.py demo
    """
    from index.demo_stage import demo

    for line in demo(workspace / "demo"):
        click.echo(line)


@main.group("gallery")
def gallery_group() -> None:
    """Look after the people of the gallery."""


@gallery_group.command("list")
@_workspace
@_json
def gallery_list_command(workspace: Path, as_json: bool) -> None:
    """Everybody with the number of their photos.

    \b
    Example:
        python cli.py gallery list
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        people = gallery.people()
    if as_json:
        click.echo(json.dumps([asdict(person) for person in people]))
        return
    for person in people:
        click.echo(f"{person.name}\t{person.photo_count} photos")


@gallery_group.command("show")
@click.argument("name")
@_workspace
@_json
def gallery_show_command(name: str, workspace: Path, as_json: bool) -> None:
    """The photos of a person, and how far each is from their mean.

    \b
    Example:
        python cli.py gallery show Person_01
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        photos = gallery.photos(name)
    if as_json:
        click.echo(json.dumps([asdict(photo) for photo in photos]))
        return
    for photo in photos:
        click.echo(f"{photo.distance:.3f}\t{photo.created}\t{photo.source}")


@gallery_group.command("verify")
@_workspace
@_json
def gallery_verify_command(workspace: Path, as_json: bool) -> None:
    """Check database, embeddings and search files, and compare both engines.

    \b
    Example:
        python cli.py gallery verify
    """
    from index.gallery_checks import verify_gallery

    report = verify_gallery(workspace / "gallery")
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        click.echo(f"{report.people} people, {report.photos} photos")
        for problem in report.problems:
            click.echo(f"problem: {problem}", err=True)
        if report.search:
            found = report.search
            click.echo(
                f"Annoy finds the nearest person in {found.recall:.2%} of "
                f"{found.queries} queries, {found.annoy_ms:.2f} ms each; exact search "
                f"takes {found.exact_ms:.2f} ms"
            )
    sys.exit(0 if report.sound else 1)


@gallery_group.command("rebuild")
@_workspace
@_model
@_device
def gallery_rebuild_command(workspace: Path, model: str, device: str) -> None:
    """Embed every stored chip anew with --model, and make new search files.

    \b
    Example:
        python cli.py gallery rebuild --model shipped
    """
    from index.gallery import open_gallery
    from index.gallery_checks import rebuild_generation
    from index.reembed_stage import reembed_gallery

    folder = workspace / "gallery"
    count = reembed_gallery(folder, _embedder(workspace, model, device))
    with open_gallery(folder) as gallery:
        rebuild_generation(gallery)
    click.echo(f"{count} photos embedded, search files made")


@gallery_group.command("rename")
@click.argument("name")
@click.argument("new_name")
@_workspace
def gallery_rename_command(name: str, new_name: str, workspace: Path) -> None:
    """Give a person another name.

    \b
    Example:
        python cli.py gallery rename Person_01 "Person One"
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        gallery.rename(name, new_name)
    click.echo(f"{name} is now {new_name}")


@gallery_group.command("remove")
@click.argument("name")
@_workspace
def gallery_remove_command(name: str, workspace: Path) -> None:
    """Erase a person: embeddings, thumbnails, search files and their traces.

    Cards of earlier answers (WORKSPACE/identified) are yours to delete.

    \b
    Example:
        python cli.py gallery remove Person_01
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        count = gallery.remove(name)
    click.echo(f"{name}: {count} photos erased")


@gallery_group.command("export")
@click.argument("out", type=_A_PATH)
@_workspace
def gallery_export_command(out: Path, workspace: Path) -> None:
    """Write names and embeddings to an .npz file.

    \b
    Example:
        python cli.py gallery export gallery.npz
    """
    from index.gallery import open_gallery

    with open_gallery(workspace / "gallery") as gallery:
        count = gallery.export(out)
    click.echo(f"{out}: {count} embeddings")


if __name__ == "__main__":
    main()
