"""A file that is written as a whole: it takes its name once it is complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ctaudit.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Writes a draft beside the file, for its owner alone, which takes its place at the end.

    It, and what it yields, raise OutputError where the draft cannot be written or put in place;
    whatever is raised within the block leaves the file as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _explained(path):
            stream = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

        def write(piece: bytes) -> None:
            with _explained(path):
                stream.write(piece)

        with _closing(stream.close):
            yield write
            with _explained(path):
                stream.flush()
        with _explained(path):
            draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def _closing(close: Callable[[], None]) -> Iterator[None]:
    """What is left in the buffer of a draft that failed is of no use, nor is its error."""
    try:
        yield
    finally:
        with suppress(OSError):
            close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"-o {path}: cannot be written: {error.strerror}") from None
