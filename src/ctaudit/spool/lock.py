"""One receiver, recorder and forwarder at a time on a spool, each by a lock file of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ctaudit.errors import DiskError, PrivilegeError, UsageError


@contextlib.contextmanager
def spool_lock(directory: Path, who: str) -> Iterator[None]:
    """Makes sure that one ``who`` ("receiver", "recorder" or "forwarder") uses the spool at a time.

    Creates the directory. Raises PrivilegeError, DiskError, UsageError.
    """
    try:
        directory.mkdir(mode=0o2770, parents=True, exist_ok=True)
        lock = os.open(directory / f"{who}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except PermissionError:
        raise PrivilegeError(f"{directory}: the {who} may not write there") from None
    except OSError as error:
        raise DiskError(f"{directory}: cannot be used as spool: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{directory}: another {who} is using this spool; stop it first"
            ) from None
        yield
    finally:
        os.close(lock)
