"""A file that has each line once: what stands behind its recorded size is cut off at the start."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from ctaudit.spool.output_state import FileMark, sync_directory

log = logging.getLogger(__name__)

_MODE = 0o640


class FileSink:
    """``path`` is this output's alone. Each method raises OSError where the disk refuses."""

    can_resume = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._block, self._written = b"", 0

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def open(self, mark: FileMark | None) -> None:
        """Opens the file, cut back to what ``mark`` says, under whichever name it has by now."""
        if mark is not None:
            cut_back(self._path, mark)
        self._descriptor = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE
        )
        self._block, self._written = b"", 0
        sync_directory(self._path.parent)

    def close(self) -> None:
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, block: bytes) -> bool:
        """Takes whole lines, after those before, and writes as much as the disk has room for."""
        self._block, self._written = block, 0
        return self.flush()

    def flush(self) -> bool:
        """Writes what is left of the last block; where it fails, the next call goes on there."""
        while self._written < len(self._block):
            self._written += os.write(self._descriptor, self._block[self._written :])
        self._block, self._written = b"", 0
        return True

    def settle(self) -> bool:
        """Forces to the disk what was written; True."""
        os.fsync(self._descriptor)
        return True

    @property
    def mark(self) -> FileMark:
        status = os.fstat(self._descriptor)
        return FileMark(status.st_ino, status.st_size)

    def is_rotated(self) -> bool:
        """Whether the path names another file by now, or none."""
        try:
            return self._path.stat().st_ino != os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def unread(self) -> int:
        return 0


def cut_back(path: Path, mark: FileMark) -> None:
    """Cuts the file of the mark's inode, renamed by a rotation or not, to the mark's size."""
    for candidate in _candidates(path):
        status = candidate.stat()
        if status.st_ino != mark.inode:
            continue
        if status.st_size > mark.size:
            os.truncate(candidate, mark.size)
        elif status.st_size < mark.size:
            log.warning(
                "%s has %d bytes of the %d that were written: somebody else has cut it",
                candidate, status.st_size, mark.size,
            )  # fmt: skip
        return


def _candidates(path: Path) -> Iterator[Path]:
    """The file, then those that a rotation has named after it."""
    if path.is_file():
        yield path
    for other in sorted(path.parent.glob(f"{path.name}?*")):
        if other.is_file() and not other.is_symlink():
            yield other
