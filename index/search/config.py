"""The engines that a search can use; imports nothing heavy, so `--help` is quick."""

from typing import Literal, get_args

Engine = Literal["annoy", "exact", "milvus"]
ENGINES: tuple[str, ...] = get_args(Engine)
