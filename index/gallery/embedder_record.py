"""What a gallery records of its embedder, and whether another one fits it."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from dataclasses import asdict

import numpy as np

from index.engines.snapshot import METRIC
from index.gallery.storage.store import GalleryStore
from masking.errors import BadRecord, EmbedderMismatch, InvalidConfig
from masking.faces.alignment import ChipGeometry
from training.embedders.protocol import Embedder
from training.metrics.score_normalization import Cohort


def new_meta(embedder: Embedder) -> dict[str, str]:
    """The records of an empty gallery."""
    return {
        "gallery_id": uuid.uuid4().hex,
        "version": "0",
        **embedder_meta(embedder),
    }


def embedder_meta(embedder: Embedder) -> dict[str, str]:
    """The records that belong to the embedder.

    Raises:
        InvalidConfig: a metric that galleries do not compare by.
    """
    if embedder.metric != METRIC:
        raise InvalidConfig(
            f"a gallery compares by {METRIC} distance, the embedder "
            f"{embedder.name} by {embedder.metric}."
        )
    return {
        "fingerprint": embedder.fingerprint,
        "dimension": str(embedder.dimension),
        "metric": embedder.metric,
        "chip_geometry": json.dumps(asdict(embedder.geometry)),
        "cohort": _cohort_text(embedder.cohort),
    }


def _cohort_text(cohort: Cohort | None) -> str:
    if cohort is None:
        return ""
    members = base64.b64encode(cohort.members.astype("<f2").tobytes()).decode()
    return json.dumps({"usual": cohort.usual, "members": members})


def cohort_of_store(store: GalleryStore) -> Cohort | None:
    """The cohort of the gallery's embedder; None = plain distances.

    Raises:
        BadRecord: it is damaged.
    """
    text, dimension = store.meta("cohort"), int(store.meta("dimension"))
    if not text:
        return None
    try:
        record = json.loads(text)
        members = base64.b64decode(record["members"], validate=True)
        rows = np.frombuffer(members, "<f2").reshape(-1, dimension)
        return Cohort.of(rows, record["usual"])
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise BadRecord(
            f"{store.path}: the record of its embedder's cohort is damaged ({error}). "
            "Embed the stored photos again: python cli.py gallery rebuild --model MODEL"
        ) from error


def check_unchanged(store: GalleryStore, fingerprint: str) -> None:
    """Part of a change or snapshot: the vectors are still those of this embedder.

    Raises:
        EmbedderMismatch: another process embedded the gallery again.
    """
    found = store.meta("fingerprint")
    if found != fingerprint:
        raise EmbedderMismatch(
            f"{store.path}: was embedded again with embedder {found[:12]} while this "
            f"command used {fingerprint[:12]}. Start the command again with that model."
        )


def check_chips_fit(store: GalleryStore, embedder: Embedder) -> None:
    """Whether an embedder reads chips such as the gallery keeps.

    Raises:
        EmbedderMismatch: it reads another part of the face or another size.
        BadRecord: the gallery does not say what its chips show.
    """
    text = store.meta("chip_geometry")
    try:
        stored = ChipGeometry(**json.loads(text))
    except (ValueError, TypeError, InvalidConfig) as error:
        raise BadRecord(
            f"{store.path}: the record of its chips is damaged ({text!r}). Put back a "
            "copy of it, or move the folder away and enroll again."
        ) from error
    if stored != embedder.geometry:
        raise EmbedderMismatch(
            f"{store.path} keeps chips of {_shown(stored)}, but the embedder "
            f"{embedder.name} reads {_shown(embedder.geometry)}: move the gallery "
            "folder away and enroll again from the photographs."
        )


def _shown(geometry: ChipGeometry) -> str:
    return (
        f"{geometry.size_px} px (padding {geometry.padding:g}, aligned by the "
        f"{geometry.points} points)"
    )
