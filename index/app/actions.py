"""What the local page does with faces, without any of its looks.

Records are those of the commands' `--json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from index.app.models import Models
from index.app.uploads import Upload
from index.app.words import in_page_words
from index.enrollment.config import EnrollConfig
from index.enrollment.faces import NamedPhoto, single_faces
from index.enrollment.reembed import reembed_gallery
from index.enrollment.stage import EnrollChecks, enroll_faces
from index.gallery.gallery import Gallery, open_gallery, open_or_create_gallery
from index.gallery.storage.database import FILE_NAME
from index.gallery.storage.store import Terms, typed_name
from index.gallery.workspace_traces import ANSWERS, GALLERY
from index.identification.answers import Answer, answer_record
from index.identification.config import IdentifyConfig, VideoConfig
from index.identification.recogniser import decided_by
from index.identification.stage import Identifier
from index.identification.verification import Verifier, verification_record
from index.identification.video.frames import (
    Frame,
    length_s,
    open_video,
    video_frames,
    video_token,
)
from index.identification.video.stage import identify_video
from index.search.open_search import refresh_snapshot
from index.search.verify import rebuild_snapshot
from masking.errors import MissingInput, UnreadableImage
from masking.faces.finder import PhotoFile, read_faces

Record = dict[str, Any]


class AppActions:
    """Identify, compare, find and enroll faces in one workspace; for one thread."""

    def __init__(self, workspace: Path, models: Models, dropped: Path):
        """
        Args:
            dropped: folder for videos while they are read; private to this account.
        """
        self.gallery_folder = workspace / GALLERY
        self.cards = workspace / ANSWERS
        self.models = models
        # Set when the page ends: no more frames of a video are read.
        self.stopped = Event()
        # Part of a video that was watched so far, 0 to 1; None between videos and where
        # a file does not say how long it is.
        self.watched: float | None = None
        self._workspace, self.dropped = workspace, dropped

    @property
    def has_gallery(self) -> bool:
        """Whether anybody was ever enrolled."""
        return (self.gallery_folder / FILE_NAME).exists()

    def open(self) -> Gallery:
        """The gallery.

        Raises:
            MissingInput: there is none.
        """
        return open_gallery(self.gallery_folder)

    def identify(
        self, uploads: Sequence[Upload], config: IdentifyConfig
    ) -> list[Record]:
        """Who is in photos and videos: a record a face or track, as `identify --json`.

        Raises:
            MissingInput: nobody is enrolled.
        """
        models = self.models
        records: list[Record] = []
        with self.open() as gallery:
            identifier = Identifier(
                gallery, models.embedder, models.finder, self.cards, config
            )
            for upload in uploads:
                answers = self._answers(upload, identifier, config)
                records += map(_record, map(answer_record, answers))
        return records

    def _answers(
        self, upload: Upload, identifier: Identifier, config: IdentifyConfig
    ) -> Iterator[Answer]:
        if not upload.is_video:
            photo = Path(upload.name)
            yield from identifier.answers(photo, lambda _: upload.photo_bytes())
            return
        with TemporaryDirectory(dir=self.dropped) as folder:
            # OpenCV reads videos from files alone.
            path = Path(folder) / "video"
            path.write_bytes(upload.data)
            token, name = video_token(path), Path(upload.name)
            try:
                with open_video(path) as video:
                    frames = video_frames(video, VideoConfig().every, 0, upload.name)
                    watched = self._watching(frames, length_s(video))
                    yield from identify_video(
                        watched, name, token, identifier, config.cards
                    )
            except UnreadableImage as error:
                reason = str(error).replace(str(path), upload.name)
                yield Answer(name, "unreadable", reason)
            finally:
                self.watched = None

    def _watching(self, frames: Iterator[Frame], length: float) -> Iterator[Frame]:
        """The frames until the page ends, with `watched` kept."""
        for frame in frames:
            if self.stopped.is_set():
                return
            self.watched = min(frame.time_s / length, 1.0) if length else None
            yield frame

    def verify(self, first: Upload, second: Upload, config: IdentifyConfig) -> Record:
        """Whether two photos show one person: the record of `verify --json`."""
        models = self.models
        verifier = Verifier(self._workspace, models.embedder, models.finder, config)
        files = {Path(upload.name): upload for upload in (first, second)}
        pair = (Path(first.name), Path(second.name))
        answer = verifier.verify(pair, lambda path: files[path].photo_bytes())
        return _record(verification_record(pair, answer))

    def faces(self, upload: Upload) -> Record:
        """Where the faces of a photo are; nothing is kept of it.

        Returns:
            photo, width, height, and faces: corners in px, the most prominent first.

        Raises:
            UnreadableImage: it is no photo.
        """
        file = PhotoFile(upload.name, upload.photo_bytes())
        found = read_faces(file, self.models.finder)
        height, width = found.image.shape[:2]
        boxes = [face.box for face in found.faces]
        corners = [[box.left, box.top, box.right, box.bottom] for box in boxes]
        return {
            "photo": upload.name,
            "width": width,
            "height": height,
            "faces": [[round(value, 1) for value in box] for box in corners],
        }

    def enroll(
        self,
        name: str,
        uploads: Sequence[Upload],
        numbers: Sequence[int],
        config: EnrollConfig,
    ) -> Record:
        """Add a person or photos of one: the record of `enroll --json`.

        Args:
            numbers: of the face that is meant in each photo, from 1; 0, or none, for
                the most prominent.

        Raises:
            InvalidConfig: a name that nobody can have.
            MissingInput: no photo was given.
        """
        if not uploads:
            raise MissingInput("no photograph was given. Choose at least one.")
        models, whose = self.models, typed_name(name)
        faces = [*numbers, *[config.face] * len(uploads)]
        photos = [
            NamedPhoto(whose, Path(upload.name), face=face, data=upload.data)
            for upload, face in zip(uploads, faces, strict=False)
        ]
        with open_or_create_gallery(self.gallery_folder, models.embedder) as gallery:
            decide = decided_by(gallery, models.embedder)
            checks = EnrollChecks(decide, 0, config.allow_duplicate)
            found = single_faces(
                photos, gallery, models.embedder.geometry, lambda: models.finder, 1
            )
            terms = Terms(config.consent, config.retain_until)
            report = enroll_faces(gallery, models.embedder, found, terms, checks)
            if gallery.size:
                refresh_snapshot(gallery)
            for photo, reason in report.failures.items():
                report.failures[photo] = in_page_words(reason)
            return {"name": whose, "people": gallery.size} | asdict(report)

    def embed(self) -> Record:
        """Embed all stored photos with the model in use: how many there were.

        Raises:
            MissingInput: nobody was ever enrolled.
            BadRecord: a stored photo is damaged.
        """
        count = reembed_gallery(self.gallery_folder, self.models.embedder)
        with self.open() as gallery:
            rebuild_snapshot(gallery)
        return {"photos": count}


def _record(record_json: str) -> Record:
    """A record of `--json` with reasons in the words of the page."""
    record: Record = json.loads(record_json)
    for key in ("reason", "no_probability"):
        if record.get(key):
            record[key] = in_page_words(record[key])
    return record
