"""The faces of some enrolled people, to compare these people with each other."""

from __future__ import annotations

import numpy as np

from index.gallery.storage.rows import sealed_vectors
from index.gallery.storage.store import GalleryStore
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import Cohort

# 33 thousand pairs of people, read and compared in a tenth of a second.
MOST_PEOPLE, MOST_PHOTOS = 256, 4

# The same people as long as nobody comes or goes, wherever numbers come from.
_QUERY = """WITH chosen AS
        (SELECT id FROM people ORDER BY id * 40503 % 65536, id LIMIT ?),
    numbered AS (SELECT person_id, photo_id, sha256, worn, vector, seal,
            ROW_NUMBER() OVER (PARTITION BY person_id ORDER BY photo_id) AS place
        FROM template_rows WHERE masked = ? AND person_id IN chosen)
    SELECT person_id, sha256, worn, vector, seal, photo_id FROM numbered
    WHERE place <= ? ORDER BY person_id, photo_id"""


def read_sample(
    store: GalleryStore, masked: bool, cohort: Cohort | None
) -> EmbeddedFaces:
    """The first photos of at most MOST_PEOPLE, as templates are made of them.

    Args:
        masked: of the templates for masked faces.

    Raises:
        BadRecord: one is damaged.
    """
    rows = store.read(_QUERY, (MOST_PEOPLE, int(masked), MOST_PHOTOS))
    vectors = sealed_vectors(
        store, [row[:5] for row in rows], int(store.meta("dimension"))
    )
    people, photos = (
        np.array([row[place] for row in rows], dtype=np.int32) for place in (0, 5)
    )
    return EmbeddedFaces(vectors, people, photos, cohort)
