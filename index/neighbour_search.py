"""Opens a search over a gallery: exact, Annoy, the quicker of both, or Milvus."""

from __future__ import annotations

from index.delta_search import DeltaSearch
from index.file_source import FileSource
from index.gallery import Gallery
from index.identify_config import ENGINES
from masking.errors import InvalidConfig


def open_search(gallery: Gallery, engine: str = "auto", uri: str = "") -> DeltaSearch:
    """The search of an engine over the gallery; it follows the gallery's changes.

    Args:
        engine: one of ENGINES.
        uri: for "milvus": address of a server, or a file NAME.db for milvus-lite.

    Raises:
        MissingInput: nobody is enrolled, or the engine is not installed.
        BadRecord: the gallery is damaged.
        InvalidConfig: no such engine, or "milvus" without a URI.
        ToolkitError: Milvus cannot be reached.
    """
    if engine not in ENGINES:
        raise InvalidConfig(
            f"unknown engine {engine!r}, expected one of {', '.join(ENGINES)}"
        )
    if engine == "milvus":
        from index.milvus_search import MilvusSource

        return DeltaSearch(gallery, MilvusSource(gallery, uri))
    return DeltaSearch(gallery, FileSource(gallery, engine))
