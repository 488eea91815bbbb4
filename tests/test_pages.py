"""README and docs hold: commands parse and run, links lead somewhere, figures agree.

Each page's commands run in its own copy of one small workspace, in the page's order.
`reason_not_to_run` says which are only parsed, and why.
"""

import importlib
import re
import shlex
import shutil
from pathlib import Path

import click
import cv2
import pytest
from click.testing import CliRunner

import cli
from masking.datasets.images import list_images, read_rgb
from masking.datasets.sample import sample_people
from tools.release import results_page
from tools.release.measure_results import commands_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")
)
PAGES = ["README.md", "CONTRIBUTING.md", *DOCS]
STATES = ("unmasked", "masked")
# Shell commands that are not the project's own.
OTHER = {".", "git", "pip", ".venv/bin/pip", "printf", "python3", "ssh"}
SLOW = {
    "train": "takes minutes; tests/test_cli.py runs it",
    "demo": "trains for a minute",
    "app": "serves until Ctrl-C; tests/index/app runs it",
    "fetch": "downloads",
    "calibrate": "needs some dozens of people",
    "export": "tries the file with dlib and ONNX; tests/training/checkpoints does",
}
NEEDS = {
    "data": "needs a data set",
    "--ray": "starts a cluster",
    "--camera": "needs a camera",
    "milvus": "needs the extra milvus",
    "--merge": "needs all parts of a data set",
    "OLD.safetensors": "needs a training",
}


def page_commands(page):
    """Command lines of a page: in blocks of code, and in the text between backticks."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).splitlines()
    lines += re.findall(r"`((?:python|make|masked-faces) [^`]+)`", text)
    found = [words for line in lines if (words := shlex.split(line, comments=True))]
    return [w[1:] if "=" in w[0] else w for w in found]


def commands_of_all_pages():
    return sorted(
        {shlex.join(words) for page in PAGES for words in page_commands(page)}
    )


def parsed(command, words):
    """Whether click takes the words; paths need not exist. Gives the last command.

    A command that is only named, without words, may lack what it requires.
    """
    while isinstance(command, click.Group) and words and words[0][0] != "-":
        command, words = command.commands[words[0]], words[1:]
    context = click.Context(command)
    values, left, _ = command.make_parser(context).parse_args(list(words))
    assert not left
    for param in command.params:
        value = values.get(param.name)
        assert value or not (words and param.required), param.name
        if isinstance(param.type, click.Path) or not isinstance(value, (str, list)):
            continue
        param.type_cast_value(context, value)
    return command


def cli_words(words):
    """What follows `python cli.py` in a command line; None for other programs."""
    for start in (["python", "cli.py"], [".venv/bin/python", "cli.py"]):
        if words[:2] == start:
            return words[2:]
    if words[0] == "torchrun":
        return words[words.index("cli.py") + 1 :]
    return words[1:] if words[0] == "masked-faces" else None


def reason_not_to_run(words):
    """Why a command is parsed only; "" if it runs here."""
    if words[0] in SLOW:
        return SLOW[words[0]]
    if words[0] == "augment" and (words[1:] or ["--"])[0].startswith("--"):
        return "takes the whole sample; tests/test_cli.py runs it"
    parts = (part for word in words for part in (word, *Path(word).parts))
    return next((NEEDS[part] for part in parts if part in NEEDS), "")


@pytest.mark.parametrize("line", commands_of_all_pages())
def test_a_command_parses(line):
    words = shlex.split(line)
    if (own := cli_words(words)) is not None:
        parsed(cli.main, own)
    elif words[0] in ("python", ".venv/bin/python") and words[1] == "-m":
        if words[2].startswith(("benchmarks.", "tools.")):
            module = importlib.import_module(words[2])
            if hasattr(module, "__path__"):
                module = importlib.import_module(f"{words[2]}.__main__")
            if isinstance(getattr(module, "main", None), click.Command):
                parsed(module.main, words[3:])
        else:
            assert words[2] == "pytest"
            assert (ROOT / words[3]).exists()
    elif words[0] == "make":
        makefile = (ROOT / "Makefile").read_text()
        for target in (word for word in words[1:] if "=" not in word):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    else:
        assert words[0] in OTHER


@pytest.fixture(scope="module")
def small_workspace(tmp_path_factory):
    """What the pages' commands name: photos of four people, a table, a video."""
    folder = tmp_path_factory.mktemp("pages")
    ada, *people = sorted(sample_people().iterdir())[4:8]
    homes = {ada: "photos/ada"} | {p: f"people/{p.name}" for p in people}
    for person, home in homes.items():
        (folder / home).mkdir(parents=True)
        for photo in list_images(person)[:2]:
            shutil.copy(photo, folder / home)
    shutil.copytree(folder / "photos" / "ada", folder / "my-prints")
    shutil.copy(ROOT / "masked.jpg", folder)
    (folder / "people.csv").write_text("person,file\nAda,photos/ada/1.jpg\n")
    frame = cv2.cvtColor(read_rgb(folder / "masked.jpg"), cv2.COLOR_RGB2BGR)
    size = (frame.shape[1], frame.shape[0])
    video = cv2.VideoWriter(
        str(folder / "party.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, size
    )
    for _ in range(6):
        video.write(frame)
    video.release()
    run_in(folder, ["enroll", "--folder", "people", "--workers", "1"])
    run_in(folder, ["enroll", "Ada", "photos/ada"])
    return folder


def run_in(folder, words):
    """The exit code of a command of cli.py that is run in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = [
            part
            for word in words
            for part in (
                sorted(str(path) for path in Path().glob(word))
                if "*" in word
                else [word]
            )
        ]
        result = CliRunner().invoke(cli.main, found)
    unexpected = result.exception and not isinstance(result.exception, SystemExit)
    assert not unexpected, result.exc_info
    # Of 3, "unknown", pages warn: some ask for a stricter threshold.
    unknown = 3 if words[0] in ("identify", "verify") else 0
    assert result.exit_code in (0, unknown), result.output
    return result


def running_commands(page):
    found = [cli_words(words) for words in page_commands(page)]
    return [words for words in found if words and not reason_not_to_run(words)]


@pytest.mark.parametrize("page", [page for page in PAGES if running_commands(page)])
def test_the_commands_of_a_page_run_in_its_order(page, small_workspace, tmp_path):
    shutil.copytree(small_workspace, tmp_path / "home")
    for words in running_commands(page):
        command = parsed(cli.main, words)
        one = any(param.name == "workers" for param in command.params)
        run_in(tmp_path / "home", [*words, *(["--workers", "1"] if one else [])])


def test_what_runs_is_not_little():
    assert sum(len(running_commands(page)) for page in PAGES) > 30


def test_the_probe_in_the_folder_is_named_by_the_sample(small_workspace):
    answer = run_in(small_workspace, ["identify", "masked.jpg", "--no-cards"])
    assert answer.exit_code == 0
    assert "masked.jpg: Person_07" in answer.output


def test_the_three_commands_stand_in_the_readme_without_arguments():
    lines = [shlex.join(words) for words in page_commands("README.md")]
    for line in ("augment", "train", "identify masked.jpg"):
        assert f"python cli.py {line}" in lines


def test_the_readme_fits_on_a_screen_and_a_half():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert 80 < len(lines) <= 150


def test_tables_of_the_results_are_those_of_the_json():
    page = results_page.PAGE.read_text()
    tables = results_page.read_tables()
    remedy = "run: python -m tools.release.results_page"
    assert results_page.page_with(page, tables) == page, remedy
    assert re.findall(r"<!-- table: ([\w-]+) -->", page) == list(tables)


def test_commands_of_tables_stand_in_the_results():
    known = {shlex.join(words) for words in commands_of(results_page.PAGE.read_text())}
    for name, table in results_page.read_tables().items():
        assert set(table.command) <= known, name


def table_figures():
    """All that the tables say, as they show it."""
    tables = "".join(table.text() for table in results_page.read_tables().values())
    return set(re.findall(r"(?<![\w.])-?[\d,]*\.?\d+\b", tables))


# The recipe is a record of what was measured with the code of its day.
@pytest.mark.parametrize("page", [p for p in PAGES if "recipe" not in p])
def test_figures_in_sentences_are_those_of_the_tables(page):
    quoted = r"```.*?```|\[\*.*?\*\]"
    text = re.sub(quoted, "", (ROOT / page).read_text(), flags=re.DOTALL)
    if page.endswith("results.md"):
        text = re.sub(r"^\|.*", "", text, flags=re.MULTILINE)
    figures = set(re.findall(r"(?<![\w.])-?\.\d+\b", text))
    assert figures <= table_figures() | {".5"}


def test_figures_of_the_readme_are_many():
    figures = (ROOT / "README.md").read_text().partition("## Figures")[2]
    assert len(re.findall(r"(?<![\w.])\.\d{2,3}\b", figures)) >= 10


def test_limits_of_the_readme_are_those_of_the_results():
    readme = " ".join((ROOT / "README.md").read_text().split())
    known = results_page.PAGE.read_text()

    def figure(row):
        (found,) = re.findall(rf"^\| {row}", known, flags=re.MULTILINE)
        return float(found)

    unmasked, masked = (
        round(100 * figure(rf"RMFRD \| {state} \|[^|]*\| (\.\d+) ")) for state in STATES
    )
    assert f"[{unmasked}% of unmasked photos and {masked}% of masked ones" in readme
    tpir = figure(r"1,000 \| masked \| ours \|[^|]*\| \**(\.\d+)")
    number = ["seven", "eight", "nine", "ten"][round(1 / (1 - tpir)) - 7]
    assert f"[one masked photo in {number}](" in readme


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page):
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", text)
    linked += re.findall(r'src="([^"]+)"', text)
    for name in linked:
        assert ((ROOT / page).parent / name).exists(), name
    named = re.findall(
        r"`((?:tools|masking|training|index|benchmarks|tests)/[\w./-]*)`", text
    )
    for name in named:
        assert (ROOT / name).exists(), name


def test_headings_that_pages_link_to_exist():
    seen = 0
    for page in PAGES:
        text = (ROOT / page).read_text()
        for name, anchor in re.findall(r"\]\(([^)#: ]*)#([^)]+)\)", text):
            target = (ROOT / page).parent / name if name else ROOT / page
            headings = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.MULTILINE)
            words = (re.sub(r"[^\w -]", "", heading).lower() for heading in headings)
            slugs = {heading.replace(" ", "-") for heading in words}
            assert anchor in slugs, f"{page}: {name}#{anchor}"
            seen += 1
    assert seen > 5
