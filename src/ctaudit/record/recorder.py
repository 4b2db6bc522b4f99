"""Follows the segments of the spool and records each batch and each note by one CALL.

The database's position decides where to read on, at the start and after every fault: whatever
has been read beyond it is thrown away and read again (decision 0003). So nothing is recorded
twice and nothing is left out, whichever side of a commit a connection broke on.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from ctaudit.config import Config
from ctaudit.database.connection import describe_error
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.host.systemd import Watchdog, notify
from ctaudit.record.canary import Canary
from ctaudit.record.commits import Commits
from ctaudit.record.in_flight import Committed
from ctaudit.record.live_log import EventLines, pick_writer
from ctaudit.record.pipeline import Follow, ListPaths, Pipeline
from ctaudit.record.procedures import Fault, classify
from ctaudit.record.session import Session, open_store
from ctaudit.spool.lag import LagCounts, open_lag
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.order import list_paths

log = logging.getLogger(__name__)

_REST = 0.2  # seconds that the recorder sleeps while nothing is published, at most
_LONGEST_STOP = 10.0  # seconds that the recorder goes on recording after a signal, at most


def run(config: Config, dsn: str, stop: Sequence[int]) -> int:
    """Records until ``stop`` holds something. Raises SchemaError, UsageError, DiskError."""
    directory = config.spool.directory
    session = Session(lambda: open_store(dsn, config.record_procedure))
    with spool_lock(directory, "recorder"), contextlib.closing(session):
        lag = open_lag(directory)
        recorder = Recorder(config, session, lambda: list_paths(directory), lag=lag)
        notify("READY=1", "STATUS=recording")
        log.info("recording from %s through %s", directory, config.record_procedure)
        recorder.work(lambda: bool(stop))
        notify("STOPPING=1")
    return 0


def replay(config: Config, dsn: str, path: Path) -> int:
    """Records what a kept segment holds and the database does not; the file is not changed.

    Raises UsageError, DatabaseError, SchemaError.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such segment")
    session = Session(lambda: open_store(dsn, config.record_procedure))
    count = Recorder(config, session, lambda: [path], replay=True).work(lambda: True)
    log.info("%s: %d events recorded", path, count)
    return 0


class Recorder:
    """Runs the pipeline turn by turn, and decides what follows a fault.

    ``replay``: an unreachable database ends the work, and the segments are not changed. ``lag``:
    where to count how long events waited; None: nowhere.
    """

    def __init__(
        self,
        config: Config,
        session: Session,
        list_segments: ListPaths,
        *,
        replay: bool = False,
        lag: LagCounts | None = None,
    ) -> None:
        self._replay = replay
        self._rest = min(_REST, config.batch.wait)
        self._session = session
        self._commits = Commits(session)
        self._lines = EventLines(config.journal, pick_writer())
        followers: list[Follow] = []
        if lag is not None:
            followers.append(lambda committed: _count_lag(lag, committed))
        if config.canary.interval is not None and not replay:
            followers.append(Canary(self._commits, config.canary.interval).follow)
        self._pipeline = Pipeline(
            config, self._commits, self._lines, list_segments, replay=replay, followers=followers
        )
        self._watchdog = Watchdog()
        self._conflict_after: int | None = None

    def work(self, stopping: Callable[[], bool]) -> int:
        """Records until told to stop and all is recorded; returns the number of events."""
        deadline = math.inf
        while time.monotonic() < deadline:
            self._watchdog.feed()
            stop = stopping()
            if stop and not self._replay:
                deadline = min(deadline, time.monotonic() + _LONGEST_STOP)
            try:
                moved = self._pipeline.turn(stop=stop)
            except (psycopg.Error, DatabaseError) as error:
                if stop and not self._replay:
                    break
                self._handle_fault(error)
                moved = True
            if not moved:
                if self._session.is_failing and not self._pipeline.has_unsent():
                    self._session.confirm()
                if stop:
                    break
                self._lines.turn()
                self._pipeline.sleep(self._rest)
        self._lines.finish()
        self._pipeline.forget()
        self._session.close()
        return self._commits.events

    def _handle_fault(self, error: psycopg.Error | DatabaseError) -> None:
        """Reading begins again at the database's position: at once, or after a while."""
        self._pipeline.forget()
        words = describe_error(error) if isinstance(error, psycopg.Error) else str(error)
        match classify(error):
            case Fault.POSITION if self._conflict_after != self._commits.number:
                # The first conflict since something was committed is no reason to wait.
                self._conflict_after = self._commits.number
            case _ if self._replay:
                raise DatabaseError(words) from error
            case Fault.LOGIN:
                self._session.back_off(words, "login refused")
            case _:
                self._session.back_off(words)


def _count_lag(lag: LagCounts, committed: Committed) -> None:
    """Of each event as long as of the first of its batch."""
    if committed.count:
        lag.add(committed.count, (time.time_ns() - committed.since) / 1e9)
