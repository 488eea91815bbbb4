"""JSON over HTTP: what the local page and other programs of this account ask for."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zipfile import ZipFile

from fastapi import APIRouter, Body, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response

from index.app import people
from index.app.actions import AppActions, Record
from index.app.examples import Examples
from index.app.masks import Masks, Worn, mask_choices
from index.app.uploads import Upload, named_apart
from index.enrollment.config import EnrollConfig
from index.gallery.storage.store import Terms
from index.identification.config import IdentifyConfig
from index.identification.stage import card_pdf
from masking.errors import MissingInput, NoFace, UnreadableImage

Result = TypeVar("Result")
_CARD = re.compile(r"[^/\\\0]+\.(png|pdf)")


class Desk:
    """Two galleries and the one thread that works on them.

    dlib's models and a gallery's file are used by one request at a time, and the page
    answers meanwhile.
    """

    def __init__(self, own: AppActions, examples: Examples):
        self.own, self.examples = own, examples
        self.masks = Masks(own.models, own.dropped)
        self._worker = ThreadPoolExecutor(max_workers=1)

    def start(self) -> None:
        """Load the models in the background."""
        self._worker.submit(self.own.models.warm_up)

    def stop(self) -> None:
        """Give up what was not begun, and videos."""
        self.own.stopped.set()
        self.examples.actions.stopped.set()
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What the work gives, done in its turn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, work)


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


async def _actions(
    desk: TheDesk, gallery: Literal["own", "example"] = "own"
) -> AppActions:
    return desk.own if gallery == "own" else desk.examples.actions


Actions = Annotated[AppActions, Depends(_actions)]
Photos = Annotated[list[UploadFile], File(description="One or more image files.")]
router = APIRouter(prefix="/api")


@router.post("/identify")
async def identify(
    desk: TheDesk,
    actions: Actions,
    photos: Photos,
    top_k: Annotated[int, Form()] = 5,
    fpir: Annotated[float, Form()] = 0.01,
    cards: Annotated[bool, Form()] = False,
    heatmap: Annotated[bool, Form()] = False,
) -> list[Record]:
    """Who is in photos or videos: a record a face, as `identify --json` prints it."""
    config = IdentifyConfig(top_k=top_k, fpir=fpir, cards=cards, heatmap=heatmap)
    uploads = await _read(photos)
    return await desk.run(lambda: actions.identify(uploads, config))


@router.get("/progress")
async def progress(actions: Actions) -> Record:
    """Which part of the video at work was watched, 0 to 1; null where none is."""
    return {"watched": actions.watched}


@router.post("/verify")
async def verify(
    desk: TheDesk,
    actions: Actions,
    photo_a: UploadFile,
    photo_b: UploadFile,
    fpir: Annotated[float, Form()] = 0.01,
    cards: Annotated[bool, Form()] = False,
) -> Record:
    """Whether two photos show one person: the record of `verify --json`."""
    config = IdentifyConfig(fpir=fpir, cards=cards)
    first, second = await _read([photo_a, photo_b])
    return await desk.run(lambda: actions.verify(first, second, config))


@router.post("/faces")
async def faces(desk: TheDesk, actions: Actions, photo: UploadFile) -> Record:
    """Where the faces of a photo are, px, the most prominent first; nothing is kept."""
    (upload,) = await _read([photo])
    return await desk.run(lambda: actions.faces(upload))


@router.post("/enroll")
async def enroll(
    desk: TheDesk,
    actions: Actions,
    name: Annotated[str, Form()],
    photos: Photos,
    faces: Annotated[Sequence[int], Form()] = (),
    consent: Annotated[str, Form()] = "",
    retain_until: Annotated[str, Form()] = "",
    allow_duplicate: Annotated[bool, Form()] = False,
) -> Record:
    """Add a person or photos of one: the record of `enroll --json`.

    `faces` says, photo by photo, which face is meant, from 1; 0 is the most prominent.
    """
    config = EnrollConfig(
        consent=consent, retain_until=retain_until, allow_duplicate=allow_duplicate
    )
    uploads = await _read(photos)
    return await desk.run(lambda: actions.enroll(name, uploads, faces, config))


@router.post("/embed")
async def embed(desk: TheDesk, actions: Actions) -> Record:
    """Embed all stored photos with the model in use, as `gallery rebuild --json`."""
    return await desk.run(actions.embed)


@router.get("/people")
async def list_people(desk: TheDesk, actions: Actions) -> list[Record]:
    """Everybody by name, as `gallery list --json`; none before the first one."""

    def work() -> list[Record]:
        if not actions.has_gallery:
            return []
        with actions.open() as gallery:
            return people.people_records(gallery)

    return await desk.run(work)


@router.get("/people/{name}")
async def show_person(desk: TheDesk, actions: Actions, name: str) -> list[Record]:
    """The photos of a person by number, as `gallery show --json`."""
    return await _with(desk, actions, people.photo_records, name)


@router.patch("/people/{name}")
async def change_person(
    desk: TheDesk,
    actions: Actions,
    name: str,
    new_name: Annotated[str, Body(alias="name")] = "",
    consent: Annotated[str, Body()] = "",
    retain_until: Annotated[str, Body()] = "",
) -> Record:
    """Give a person another name, note of consent or last day; the rest stays."""
    terms = Terms(consent, retain_until)
    return await _with(desk, actions, people.change, name, new_name, terms)


@router.delete("/people/{name}")
async def erase_person(desk: TheDesk, actions: Actions, name: str) -> Record:
    """Erase a person: how many photos went, and what could not forget them."""
    return await _with(desk, actions, people.erase, name)


@router.get("/people/{name}/export", response_class=Response)
async def export_person(desk: TheDesk, actions: Actions, name: str) -> Response:
    """What is stored of a person, faces and person.json, as ZIP."""
    return _zip(await _with(desk, actions, people.export, name))


@router.post("/people/{name}/merge")
async def merge_people(
    desk: TheDesk,
    actions: Actions,
    name: str,
    other: Annotated[str, Body(embed=True)],
) -> Record:
    """Give all photos of `other` to this person, where both are one."""
    return await _with(desk, actions, people.merge, name, other)


@router.get("/people/{name}/photos/{number}", response_class=Response)
async def show_photo(
    desk: TheDesk, actions: Actions, name: str, number: int
) -> Response:
    """The aligned face of a photo, as JPEG."""
    data = await _with(desk, actions, lambda gallery: gallery.chip_file(name, number))
    return Response(data, media_type="image/jpeg")


@router.delete("/people/{name}/photos/{number}")
async def erase_photo(
    desk: TheDesk, actions: Actions, name: str, number: int
) -> Record:
    """Take one photo out of a person; the numbers of later ones change."""
    return await _with(desk, actions, people.erase, name, [number])


@router.post("/people/{name}/photos/{number}/move")
async def move_photo(
    desk: TheDesk,
    actions: Actions,
    name: str,
    number: int,
    to: Annotated[str, Body(embed=True)],
) -> Record:
    """Give a photo to somebody else who is enrolled."""
    return await _with(desk, actions, people.move, name, number, to)


@router.get("/cards/{file}", response_class=Response)
async def show_card(actions: Actions, file: str) -> Response:
    """A result card, by the last part of the path that a record states, as PNG.

    Under the same name with .pdf, as a page of A4.
    """
    path = (actions.cards / file).with_suffix(".png")
    if not _CARD.fullmatch(file) or path.is_symlink() or not path.is_file():
        raise MissingInput(f"there is no card {file!r}.")
    if file.endswith(".png"):
        return Response(path.read_bytes(), media_type="image/png")
    return Response(
        await asyncio.to_thread(card_pdf, path), media_type="application/pdf"
    )


@router.get("/masks")
async def list_masks() -> dict[str, Any]:
    """Kinds of mask with the ways in which each can be worn, and prints."""
    return mask_choices()


async def _worn(
    kind: Annotated[str, Form()] = "surgical",
    wearing_style: Annotated[str, Form()] = "correct",
    colour: Annotated[str, Form(description="#rrggbb; empty for a usual one")] = "",
    print_name: Annotated[str, Form(alias="print")] = "",
    light: Annotated[float, Form(description="on the mask; 1 is the photo's")] = 1.0,
    seed: Annotated[int, Form()] = 0,
    texture: Annotated[UploadFile | None, File(description="to print on it")] = None,
) -> Worn:
    picture = (await _read([texture]))[0] if texture else None
    return Worn(kind, wearing_style, colour, print_name, picture, light, seed)


TheWorn = Annotated[Worn, Depends(_worn)]


@router.post("/mask", response_class=Response)
async def mask(desk: TheDesk, photo: UploadFile, worn: TheWorn) -> Response:
    """The photo with a mask on every face, as PNG."""
    (upload,) = await _read([photo])
    data = await desk.run(lambda: desk.masks.masked_png(upload, worn))
    return Response(data, media_type="image/png")


@router.post("/masks", response_class=Response)
async def mask_several(
    desk: TheDesk,
    photos: Photos,
    worn: TheWorn,
    layers: Annotated[bool, Form(description="alpha and parts, too")] = False,
) -> Response:
    """Photos with a mask on every face, and labels.json, as ZIP.

    The header `Skipped` says as JSON why others are not in it.
    """
    uploads = await _read(photos)
    stems = named_apart([(Path(upload.name).stem, b"") for upload in uploads])
    packed: dict[str, bytes] = {}
    labels, skipped = [], {}
    for upload, stem in zip(uploads, stems, strict=True):
        work = partial(desk.masks.masked_files, upload, worn, stem.name, layers)
        try:
            files, label = await desk.run(work)
        except (NoFace, UnreadableImage) as error:
            skipped[upload.name] = str(error)
            continue
        labels.append(label)
        packed |= files
    if not labels:
        raise NoFace(" ".join(skipped.values()))
    packed["labels.json"] = json.dumps(labels, indent=1).encode()
    return _zip(packed, {"Skipped": json.dumps(skipped)})


@router.post("/example")
async def make_example(desk: TheDesk) -> dict[str, list[str]]:
    """Make the example gallery, and name photos to try on it."""
    return {"photos": await desk.run(desk.examples.make)}


@router.get("/example/{file}", response_class=Response)
async def show_example(desk: TheDesk, file: str) -> Response:
    """A photo to try on the example gallery."""
    if file not in desk.examples.photos:
        raise MissingInput(f"there is no example {file!r}.")
    return Response(desk.examples.photos[file], media_type="image/jpeg")


def _zip(files: Mapping[str, bytes], headers: dict[str, str] | None = None) -> Response:
    """Files by name in one; pictures hardly get smaller and are packed as they are."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return Response(buffer.getvalue(), 200, headers, "application/zip")


async def _read(files: list[UploadFile]) -> list[Upload]:
    return named_apart([(file.filename or "", await file.read()) for file in files])


async def _with(
    desk: Desk, actions: AppActions, work: Callable[..., Result], *given: Any
) -> Result:
    """What the work gives on the open gallery."""

    def opened() -> Result:
        with actions.open() as gallery:
            return work(gallery, *given)

    return await desk.run(opened)
