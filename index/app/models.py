"""The models of one run of the page: each is loaded once, when it is first needed."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from masking.faces.finder import Finder, default_finder, unmasked_finder
from training.embedders.embedded_face import Embedder
from training.embedders.mask_classifier import mask_states


class Models:
    """An embedder and the finders that go with it; for one thread."""

    def __init__(self, embedder: Embedder):
        self.embedder = embedder

    @cached_property
    def finder(self) -> Finder:
        """For faces that may wear masks."""
        return default_finder()

    @cached_property
    def unmasked_finder(self) -> Finder:
        """For faces that masks are rendered on."""
        return unmasked_finder()

    def warm_up(self) -> None:
        """Load what the first answer needs, by looking at grey."""
        side = self.embedder.geometry.size_px
        grey = np.full((1, 3, side, side), 128, np.uint8)
        self.finder.find(np.full((64, 64, 3), 128, np.uint8))
        self.embedder.embed(grey)
        mask_states(grey, self.embedder.geometry)
