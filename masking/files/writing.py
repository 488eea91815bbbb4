"""Writes files so that a crash leaves the old one or the new, never half."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO

from masking.files.unfinished import PREFIX, unfinished_file


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new, never half."""
    with replaced_file(path) as file:
        file.write(data)


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when all went well.

    It lies in the same folder, which is made when it is not there.
    """
    temporary = path.with_name(f"{PREFIX}{token_hex(8)}")
    try:
        with _new_file(temporary) as file:
            yield file
            file.flush()
            # Before it is closed: then it is locked no more, and might be swept.
            temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.filename not in (None, str(temporary)):
            raise
        # A full disk names no file and other errors name the temporary one.
        reason = error.strerror or str(error)
        raise OSError(error.errno, reason, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _new_file(path: Path) -> IO[bytes]:
    try:
        return unfinished_file(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return unfinished_file(path)
