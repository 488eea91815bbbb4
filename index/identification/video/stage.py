"""Videos to names: faces joined to tracks, one answer a track."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from index.identification.answers import NO_FACE, Answer, Span, status_of
from index.identification.stage import Identifier
from index.identification.video.frames import Frame
from index.identification.video.tracks import Track, TrackJoiner, VideoFace
from masking.errors import BadRecord
from masking.faces.finder import AlignedPhoto

_log = logging.getLogger(__name__)


def identify_video(
    frames: Iterable[Frame],
    source: Path,
    token: str,
    identifier: Identifier,
    with_cards: bool,
) -> Iterator[Answer]:
    """One answer for every track of a video, as soon as the track has ended.

    A track is decided by the mean of its embeddings. Ctrl-C ends the video, not the
    program: the tracks that are open then are answered.

    Args:
        source: names the video in answers.
        token: names its cards.

    Raises:
        ToolkitError: a card cannot be written.
    """
    recogniser = identifier.recogniser
    joiner = TrackJoiner(recogniser.same_person, recogniser.cohort)
    answered = 0
    try:
        for frame in frames:
            for track in joiner.add(
                frame.time_s, _video_faces(frame, source, identifier)
            ):
                answered += 1
                yield _answer(track, source, token, identifier, with_cards)
    except KeyboardInterrupt:
        _log.warning("%s: stopped; the faces in view are answered", source)
    for track in joiner.close():
        answered += 1
        yield _answer(track, source, token, identifier, with_cards)
    if not answered:
        answer = Answer(source, NO_FACE, f"{source}: no face found.")
        identifier.record([answer])
        yield answer


def _video_faces(frame: Frame, source: Path, identifier: Identifier) -> list[VideoFace]:
    try:
        faces = identifier.faces(frame.image, str(source))
    except BadRecord as error:
        # One frame that cannot be embedded is no reason to give up the video.
        _log.warning("at %.1f s: %s", frame.time_s, error)
        return []
    return [VideoFace(frame.time_s, face, frame.image) for face in faces]


def _answer(
    track: Track, source: Path, token: str, identifier: Identifier, with_cards: bool
) -> Answer:
    best = track.best
    face = replace(best.face, embedding=track.embedding)
    decision = identifier.recogniser.decide(face)
    span = Span(track.first_s, track.last_s, track.count)
    card = None
    if with_cards:
        photo = AlignedPhoto(str(source), "", best.frame, (face.face,))
        ending = f"{token}-track{track.number}"
        line = f"track {track.number}, {span.text}"
        card = identifier.cards.write_face(photo, 0, face, decision, ending, line)
    reported = identifier.reported(decision)
    answer = Answer(
        photo=source,
        status=status_of(decision),
        face=track.number,
        box=best.box,
        decision=reported,
        photos=identifier.recogniser.nearest_photos(reported, face.embedding),
        card=card,
        span=span,
        shown=identifier.shown(decision),
    )
    identifier.record([answer])
    return answer
