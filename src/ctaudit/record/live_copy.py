"""When the database is asked to bring its copy of what is open up to date (decision 0027)."""

from __future__ import annotations

import logging

import psycopg

from ctaudit.database.connection import describe_error
from ctaudit.record.commits import Commits
from ctaudit.record.positions import Span

log = logging.getLogger(__name__)

EVERY = 400_000  # events


class LiveCopy:
    """Counts committed events. Without the copy, events are recorded and answered all the same."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._next = commits.events + EVERY
        self._is_refused = False

    def follow(self, span: Span) -> None:
        """Called when ``span`` is committed and nothing is in flight. Raises psycopg.Error.

        Only for a connection that broke; what the server refuses is logged once.
        """
        if self._commits.events < self._next:
            return
        self._next = self._commits.events + EVERY
        try:
            self._commits.refresh_live_copy(span)
            self._is_refused = False
        except psycopg.Error as error:
            if not self._commits.is_connected:
                raise
            if not self._is_refused:
                log.warning("database.live_copy has no effect: %s", describe_error(error))
            self._is_refused = True
