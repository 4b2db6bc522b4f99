"""A file that is written as a whole: it takes its name once it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ctaudit.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A draft beside the file, for its owner alone, which takes its place at the end.

    Raises OutputError where the draft cannot be made or put in place; what is raised within the
    block leaves the file as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _explained(path):
            stream = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        with stream:
            yield stream
            with _explained(path):
                stream.flush()
        with _explained(path):
            draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"-o {path}: cannot be written: {error.strerror}") from None
