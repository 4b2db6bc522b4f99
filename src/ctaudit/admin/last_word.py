"""The last note of a gateway that will record no more, written into its own spool.

The recorder delivers it after all that was received before, with the right to record that it has:
neither the database's owner nor a connection to the database is needed here.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from ctaudit import __version__
from ctaudit.config import Config
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.host.boot import read_boot_id
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.segment import DamagedSegment, list_segments, opened_segment
from ctaudit.spool.writer import SpoolWriter

_PAUSE = 0.2  # seconds between two looks at what is committed


def write_last_word(config: Config, reason: str) -> Path:
    """Ends the spool's stream, or one that begins for it, and the gateway with it.

    Returns the segment that holds the note. Raises UsageError (the receiver runs, or never did),
    PrivilegeError, DiskError.
    """
    directory = config.spool.directory
    if not directory.is_dir() or not list_segments(directory):
        raise UsageError(f"{directory}: no gateway has recorded here")
    with spool_lock(directory, "receiver"):
        writer = SpoolWriter(config)
        if not writer.continue_stream():
            _begin(writer, config)
        path = writer.current.segment.path
        writer.end_stream(reason, retired=True)
    return path


def _begin(writer: SpoolWriter, config: Config) -> None:
    """The last stream has its end already: the word needs one of its own."""
    earlier = writer.begin_stream()
    writer.append_note(
        "start",
        mode=config.mode,
        ctaudit=__version__,
        boot_id=str(read_boot_id()),
        earlier={"node": earlier[0], "stream": str(earlier[1])} if earlier else None,
    )


def wait_until_committed(path: Path, seconds: float) -> None:
    """Raises DatabaseError where the database does not have the whole segment in time."""
    deadline = time.monotonic() + seconds
    # Retention deletes what is committed, and nothing else that it finds.
    with contextlib.suppress(FileNotFoundError, DamagedSegment):
        while True:
            with opened_segment(path, writable=False) as segment:
                if segment.committed >= segment.end:
                    return
            if not time.monotonic() < deadline:  # NaN: at once
                raise DatabaseError(
                    f"{path}: the last word is written, but not in the database after "
                    f"{seconds:g} s; let ctaudit.service run until it is"
                )
            time.sleep(_PAUSE)
