"""A gallery's templates as a collection in Milvus, a copy that can be dropped."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from index.engines.neighbours import Int64, Templates, template_keys
from masking.errors import InvalidConfig, MissingInput, ToolkitError
from masking.landmarks import Float32

if TYPE_CHECKING:
    from pymilvus import MilvusClient

# Below the largest message that Milvus takes, 64 MB, for any length of embedding.
_ROWS_AT_ONCE = 1000
# A row that is no template: its version is that of all other rows. Stored last, so
# that an interrupted update is repeated.
_MARK = -1


class Row(TypedDict):
    """A template as Milvus holds it; `key` as `template_keys` gives it."""

    key: int
    vector: list[float]
    version: int


class Collection:
    """The templates of one gallery in Milvus."""

    def __init__(self, uri: str, gallery_id: str, fingerprint: str, dimension: int):
        self.uri, self.dimension = uri, dimension
        # Another embedder's vectors are another collection.
        self._name = _beginning(gallery_id) + fingerprint[:16]
        self._client = _connect(uri)

    def close(self) -> None:
        """End the connection, and milvus-lite's server in this process."""
        _disconnect(self._client, self.uri)

    def version(self) -> int:
        """Of the templates that it holds; -1 when it holds nothing whole."""
        if not self._client.has_collection(self._name):
            self._create()
            return -1
        self._client.load_collection(self._name)
        rows = self._client.get(self._name, ids=[_MARK], output_fields=["version"])
        return int(rows[0]["version"]) if rows else -1

    def update(self, fresh: Templates, gone: Int64) -> None:
        """Store templates and forget people; afterwards it is of `fresh.version`.

        Args:
            gone: numbers of people whose templates it may hold in part or whole.
        """
        keys = np.concatenate([2 * gone, 2 * gone + 1]).tolist()
        for start in range(0, len(keys), _ROWS_AT_ONCE):
            piece = keys[start : start + _ROWS_AT_ONCE]
            self._client.delete(self._name, ids=piece)
        names = template_keys(fresh.person_ids, fresh.masked).tolist()
        for start in range(0, len(names), _ROWS_AT_ONCE):
            end = start + _ROWS_AT_ONCE
            rows = zip(names[start:end], fresh.matrix[start:end], strict=True)
            self._store(rows, fresh.version)
        self._store([(_MARK, np.zeros(self.dimension, np.float32))], fresh.version)

    def search(self, query: Float32, limit: int) -> tuple[Int64, Float32]:
        """Keys and vectors of the nearest templates."""
        (hits,) = self._client.search(
            self._name,
            data=[query.tolist()],
            limit=limit,
            output_fields=["key", "vector"],
            consistency_level="Strong",
        )
        return self._arrays(hit["entity"] for hit in hits)

    def get(self, keys: list[int]) -> tuple[Int64, Float32]:
        """Those of the keys that it holds, with their vectors."""
        return self._arrays(
            self._client.get(self._name, ids=keys, output_fields=["key", "vector"])
        )

    def _store(self, rows: Iterable[tuple[int, Float32]], version: int) -> None:
        data: list[Row] = [
            {"key": key, "vector": vector.tolist(), "version": version}
            for key, vector in rows
        ]
        self._client.upsert(self._name, data)

    def _arrays(self, rows: Iterable[Row]) -> tuple[Int64, Float32]:
        found = [(row["key"], row["vector"]) for row in rows if row["key"] != _MARK]
        keys = np.array([key for key, _ in found], dtype=np.int64)
        vectors = np.array([vector for _, vector in found], dtype=np.float32)
        return keys, vectors.reshape(len(found), self.dimension)

    def _create(self) -> None:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("version", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.dimension)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="AUTOINDEX", metric_type="L2")
        self._client.create_collection(
            self._name, schema=schema, consistency_level="Strong"
        )
        # Empty as it is, there is nothing to wait for.
        self._client.create_index(self._name, index, sync=False)
        self._client.load_collection(self._name)


def _beginning(gallery_id: str) -> str:
    """What the names of a gallery's collections begin with."""
    return f"masked_faces_{gallery_id[:16]}_"


def drop_collections(uri: str, gallery_id: str) -> None:
    """Delete all that Milvus holds of a gallery; a milvus-lite file may be gone.

    Raises:
        MissingInput: the packages are not installed.
        ToolkitError: Milvus cannot be reached.
    """
    if is_file(uri) and not Path(uri).exists():
        return
    with reached(uri):
        client = _connect(uri)
        try:
            for name in client.list_collections():
                if name.startswith(_beginning(gallery_id)):
                    client.drop_collection(name)
        finally:
            _disconnect(client, uri)


def checked_uri(uri: str) -> str:
    """A URI that can be recorded: files as whole paths, no password.

    Raises:
        InvalidConfig: neither a server nor a .db file, or with a password in it.
    """
    if is_file(uri):
        return str(Path(uri).resolve())
    if not uri.startswith(("http://", "https://")) or "@" in uri:
        raise InvalidConfig(
            f"--uri is {uri!r}; --engine milvus needs http://HOST:19530 without a "
            "password, or a file NAME.db for milvus-lite."
        )
    return uri


def is_file(uri: str) -> bool:
    """Whether milvus-lite keeps it in a file here."""
    return uri.endswith(".db") and "://" not in uri


def _connect(uri: str) -> MilvusClient:
    if not importlib.util.find_spec("pymilvus") or (
        is_file(uri) and not importlib.util.find_spec("milvus_lite")
    ):
        raise MissingInput(
            "--engine milvus needs a package that is not installed. In its clone: "
            "pip install '.[milvus]'"
        )
    from pymilvus import MilvusClient

    with reached(uri):
        return MilvusClient(uri)


def _disconnect(client: MilvusClient, uri: str) -> None:
    client.close()
    if is_file(uri):
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(uri)


@contextmanager
def reached(uri: str) -> Iterator[None]:
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise ToolkitError(
            f"{uri}: Milvus does not answer as expected ({error.message}). Check that "
            "the server runs, or that no other process has the file open."
        ) from error
