"""The local page: how it looks, and which action each button starts."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from index.app.actions import AppActions
from masking.errors import ToolkitError
from masking.landmarks import Image
from masking.masks.spec import KINDS, WEARING_STYLES

HEADERS = ("Name", "Photos", "Since")
# Fonts of the reader's machine: nothing is fetched from elsewhere.
THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="slate",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "monospace"),
)
CSS = """
.gradio-container {width: min(1080px, 100%) !important; margin: 0 auto !important}
footer {display: none !important}
"""
_IDEA = """# Masked faces
Who is it, mask or not? Photos stay on this machine. A match is a hint for a human to
check; enroll people only with their consent."""
# Actions are for the page alone: they are no API that programs can call by name.
_UNNAMED: Any = {"api_visibility": "private"}
# How long photos that were dropped on the page are kept, seconds.
_KEPT_S = 600


def build_page(actions: AppActions) -> gr.Blocks:
    """The page with its four tabs."""
    page = gr.Blocks(
        analytics_enabled=False,
        title="Masked faces",
        delete_cache=(_KEPT_S, _KEPT_S),
    )
    with page:
        gr.Markdown(_IDEA)
        with gr.Tab("Identify"):
            _identify_tab(actions)
        with gr.Tab("Enroll"):
            _enroll_tab(actions)
        with gr.Tab("People") as people:
            _people_tab(actions, people)
        with gr.Tab("Try masks"):
            _mask_tab(actions)
    return page


def _identify_tab(actions: AppActions) -> None:
    with gr.Row():
        with gr.Column():
            photo = gr.Image(
                type="filepath",
                label="Photo",
                height=340,
                sources=["upload", "webcam", "clipboard"],
            )
            heatmap = gr.Checkbox(True, label="Show what the score rests on")
            button = gr.Button("Identify", variant="primary")
            text = gr.Textbox(label="Answer", lines=3, elem_id="answer")
        # One below the other, as wide as the column: a card can be read as it is.
        cards = gr.Gallery(
            label="Cards",
            columns=1,
            height="auto",
            object_fit="contain",
            buttons=["download", "fullscreen"],
        )

    def identify(path: str | None, explained: bool) -> tuple[list[str], str]:
        answer = actions.identify(_path(path), explained)
        # Gradio serves what lies in its own folder: nothing of the workspace.
        shown = [save_file_to_cache(card, cards.GRADIO_CACHE) for card in answer.cards]
        return shown, "\n".join(answer.lines)

    button.click(_told(identify), [photo, heatmap], [cards, text], **_UNNAMED)


def _enroll_tab(actions: AppActions) -> None:
    name = gr.Textbox(label="Name", max_lines=1)
    photos = gr.File(
        label="Photos that show this person alone",
        file_count="multiple",
        file_types=["image"],
    )
    button = gr.Button("Enroll", variant="primary")
    text = gr.Textbox(label="Report", lines=3, elem_id="report")

    def enroll(wanted: str, paths: Sequence[str] | None) -> str:
        return actions.enroll(wanted, [Path(path) for path in paths or ()])

    button.click(_told(enroll), [name, photos], text, **_UNNAMED)


def _people_tab(actions: AppActions, tab: gr.Tab) -> None:
    table = gr.Dataframe(headers=list(HEADERS), interactive=False, label="Enrolled")
    with gr.Row():
        name = gr.Dropdown([], label="Remove", elem_id="remove")
        certain = gr.Checkbox(False, label="Yes, erase for good")
    button = gr.Button("Remove", variant="stop")
    text = gr.Textbox(label="Done", elem_id="done")

    def listed() -> tuple[list[list[Any]], Any]:
        people = actions.people()
        names: list[Any] = [name for name, _, _ in people]
        rows: list[list[Any]] = [list(person) for person in people]
        return rows, gr.Dropdown(names, value=None)

    def remove(chosen: str | None, confirmed: bool) -> tuple[Any, ...]:
        done = actions.remove(chosen or "", confirmed)
        return done, False, *listed()

    tab.select(_told(listed), None, [table, name], **_UNNAMED)
    # Hidden: the mark of an error would cover the box that has to be ticked.
    button.click(
        _told(remove),
        [name, certain],
        [text, certain, table, name],
        show_progress="hidden",
        **_UNNAMED,
    )


def _mask_tab(actions: AppActions) -> None:
    with gr.Row():
        with gr.Column():
            photo = gr.Image(type="filepath", label="Photo", height=340)
            kind = gr.Dropdown(list(KINDS), value=KINDS[0], label="Kind")
            ways: list[Any] = [
                (wearing_style.replace("_", " "), wearing_style)
                for wearing_style in WEARING_STYLES
            ]
            wearing_style = gr.Dropdown(ways, value=WEARING_STYLES[0], label="Worn")
            with gr.Row():
                own = gr.Checkbox(False, label="Choose the colour")
                colour = gr.ColorPicker("#3b76a8", label="Colour")
            seed = gr.Number(0, precision=0, minimum=0, label="Variation")
            button = gr.Button("Put it on", variant="primary")
        result = gr.Image(
            label="Masked",
            height=480,
            format="png",
            buttons=["download", "fullscreen"],
            elem_id="masked",
        )

    def mask(
        path: str | None, what: str, how: str, chosen: bool, tone: str, number: float
    ) -> Image:
        shade = tone if chosen else ""
        return actions.mask(_path(path), what, how, shade, int(number or 0))

    given = [photo, kind, wearing_style, own, colour, seed]
    button.click(_told(mask), given, result, **_UNNAMED)


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None


def _told(action: Callable[..., Any]) -> Callable[..., Any]:
    """The action with mistakes that a user can fix shown on the page."""

    @wraps(action)
    def run(*given: Any) -> Any:
        try:
            return action(*given)
        except ToolkitError as error:
            # Names of people and files are in it, and the page takes it for HTML.
            text = html.escape(str(error))
            raise gr.Error(text, print_exception=False) from error

    return run
