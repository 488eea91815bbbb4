"""Every example in the help of a command parses, and runs on files as it names them."""

import re
import shlex
import shutil

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import cli
from masking.datasets.images import list_images, read_rgb, write_image
from masking.datasets.sample import sample_people

ROOT_PHOTO = "masked.jpg"
# Of these the example is only parsed.
LONG = {
    "app": "serves until Ctrl-C; tests/index/app runs it",
    "demo": "trains for a minute; tests/tools/release/test_wheel.py runs it",
    "fetch": "downloads; tests/masking/datasets does so from a fake server",
    "train": "takes minutes; tests/test_cli.py runs it",
    "calibrate photos/impostors": "needs a hundred people; test_calibrate.py runs it",
    "augment data/celebrities --merge": "needs all shards; tests/test_cli.py has them",
    "identify --camera": "needs a camera",
}
# What a sound gallery or a folder of one photo makes of an example.
CODES = {"identify": (0, 3, 4), "verify": (0, 3), "gallery restore": (2,)}


def examples():
    def of(command, path):
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                yield from of(command.commands[name], [*path, name])
            return
        found = re.findall(
            r"^ *(.*cli\.py .*)$", command.help or "", flags=re.MULTILINE
        )
        assert found, f"{' '.join(path)}: no example"
        for line in found:
            words = line.partition("cli.py ")[2]
            yield words.partition(" <")[0].strip()

    return list(dict.fromkeys(of(cli.main, [])))


def is_long(line):
    return any(line == name or line.startswith(f"{name} ") for name in LONG)


def command_of(words):
    command: click.Command = cli.main
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("line", examples())
def test_an_example_parses(line):
    command, words = command_of(shlex.split(line))
    left = command.make_parser(click.Context(command)).parse_args(list(words))[1]
    assert not left


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with what the examples name, and a gallery of three people."""
    folder = tmp_path_factory.mktemp("home")
    one, two, three, four, *_ = sorted(sample_people().iterdir())
    for where, count in (("people", 3), ("data/celebrities", 1), ("data/lfw", 2)):
        for person in (one, two, three):
            target = folder / where / person.name
            target.mkdir(parents=True)
            for number, photo in enumerate(list_images(person)[:count], start=1):
                shutil.copy(photo, target / f"{person.name}_{number:04d}.jpg")
    for name in ("celeba", "rmfrd", "mfr2"):
        shutil.copytree(folder / "data" / "lfw", folder / "data" / name)
    strange = list_images(four)
    for place in ("photos/61/1.jpg", "holiday/1.jpg", "passport.jpg"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(strange[0], folder / place)
    shutil.copytree(folder / "people", folder / "photos" / "people")
    for number, person in enumerate((one, four)):
        (folder / "photos" / "people" / f"more-{number}").mkdir()
        for photo in list_images(person)[3:5]:
            shutil.copy(photo, folder / "photos" / "people" / f"more-{number}")
    shutil.copytree(folder / "holiday", folder / "data" / "passers-by")
    shutil.copytree(folder / "holiday", folder / "sorted" / "Ann")
    shutil.copy(strange[1], folder / ROOT_PHOTO)
    pair = [read_rgb(path)[:250, :250] for path in (list_images(one)[4], strange[2])]
    write_image(folder / "party.jpg", np.hstack(pair))
    (folder / "people.csv").write_text("person,file\nAnn,passport.jpg\n")
    (folder / "pairs.csv").write_text("passport.jpg,masked.jpg\n")
    names = [person.name for person in (one, two, three)]
    listed = [f"{len(names)}", *(f"{name}\t2" for name in names)]
    (folder / "data" / "peopleDevTest.txt").write_text("\n".join(listed))
    same = [f"{name}\t1\t2" for name in names]
    apart = [
        f"{a}\t1\t{b}\t1" for a, b in zip(names, names[1:] + names[:1], strict=True)
    ]
    pairs = "\n".join([f"{len(names)}", *same, *apart])
    (folder / "data" / "pairsDevTest.txt").write_text(pairs)
    frame = cv2.cvtColor(read_rgb(folder / ROOT_PHOTO), cv2.COLOR_RGB2BGR)
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(folder / "party.mp4"), fourcc, 5, frame.shape[1::-1])
    for _ in range(6):
        video.write(frame)
    video.release()
    run_in(folder, ["enroll", "--folder", "people", "--workers", "1"])
    return folder


def run_in(folder, words, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = [
            part
            for word in words
            for part in ([str(p) for p in folder.glob(word)] if "*" in word else [word])
        ]
        return CliRunner().invoke(cli.main, found, **options)


@pytest.mark.parametrize("line", [line for line in examples() if not is_long(line)])
def test_an_example_runs(line, home, tmp_path, monkeypatch):
    if line.startswith("evaluate"):
        # Plots take longer than the rest; tests/test_cli.py looks at them.
        drawn = ("roc.png", "det.png", *(["cmc.png"] * ("--pairs" not in line)))
        plots = dict.fromkeys(drawn, b"")
        writing = "index.evaluation.report.write"
        monkeypatch.setattr(f"{writing}.report_plots", lambda embedders: plots)
    shutil.copytree(home, tmp_path / "home")
    words = shlex.split(line)
    taken = {param.name for param in command_of(words)[0].params}
    fewer = {"workers": "1", "rounds": "0", "kinds": "surgical"}
    for name, value in fewer.items():
        words += [f"--{name}", value] if name in taken else []
    # No terminal is here to ask at.
    words += ["--yes"] if "yes" in taken and "--yes" not in words else []
    if "--sort-into" in words:
        shutil.rmtree(tmp_path / "home" / "sorted")
    given = (tmp_path / "home" / ROOT_PHOTO).read_bytes() if "-" in words else None
    done = run_in(tmp_path / "home", words, input=given)
    ok = next((codes for name, codes in CODES.items() if line.startswith(name)), (0,))
    assert done.exit_code in ok, done.output


def test_examples_that_run_are_most_of_them():
    running = [line for line in examples() if not is_long(line)]
    assert len(running) > 30
