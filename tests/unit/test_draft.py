"""A file that is written as a whole, or stays as it was."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctaudit.commands.draft import replacing
from ctaudit.errors import OutputError


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """The kernel lets no file of this process grow further; Python ignores SIGXFSZ."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(path: Path, *pieces: object) -> None:
    with replacing(path) as write:
        for piece in pieces:
            write(piece)  # type: ignore[arg-type]


def test_it_takes_the_place(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"before")
    with replacing(path) as write:
        write(b"af")
        assert path.read_bytes() == b"before"
        write(b"ter")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_no_room_is_one_sentence(tmp_path: Path, size: int) -> None:
    """As it is flushed at the end, and as it is written."""
    path = tmp_path / "page.html"
    path.write_bytes(b"before")
    with room_for(5), pytest.raises(OutputError, match=r"cannot be written: File too large$"):
        fill(path, b"x" * size)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_within_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        fill(path, b"after", "no bytes")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
