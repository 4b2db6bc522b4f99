"""Rows of an answer that wait on this side: in memory, and many of them in a temporary file."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from typing import Generic, Self, TypeVar

from ctaudit.errors import DiskError

_IN_MEMORY = 8 << 20  # bytes

T = TypeVar("T")


class KeptRows(Generic[T]):
    """Yields the rows as often as it is iterated; the file has no name and ends with the body.

    Raises DiskError where it cannot be written.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[T]) -> None:
        try:
            pickle.dump(list(rows), self._file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise DiskError(
                f"the answer does not fit into {tempfile.gettempdir()} ({error.strerror}); name a "
                "directory with more room in the variable TMPDIR, or ask with --limit"
            ) from None

    def forget(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def __iter__(self) -> Iterator[T]:
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            yield from pickle.load(self._file)  # noqa: S301
