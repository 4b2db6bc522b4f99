"""The recorder's session with the database: when it connects, and how long it waits."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from ctaudit.conntrack.event import COLUMNS
from ctaudit.database import version
from ctaudit.database.connection import check_schema_version, connect, explained
from ctaudit.database.limits import unlimited
from ctaudit.host.log import log_fault
from ctaudit.host.systemd import notify
from ctaudit.record.notices import log_notice
from ctaudit.record.procedures import Store, read_knows_filters, read_taken_columns

log = logging.getLogger(__name__)

_FIRST_DELAY = 0.2  # seconds
_LONGEST_DELAY = 5.0


def open_store(dsn: str, procedure: str) -> Store:
    """Connects, and asks which columns the database takes. Raises DatabaseError, SchemaError."""
    connection = connect(dsn, "recorder")
    connection.add_notice_handler(log_notice)
    try:
        with explained(f"reading the parameters of {procedure}"), unlimited(connection):
            found = check_schema_version(connection, version.OLDEST_RECORDED)
            taken = read_taken_columns(connection, procedure)
            knows_filters = read_knows_filters(connection)
        store = Store(connection, procedure, taken, knows_filters=knows_filters)
    except BaseException:
        connection.close()
        raise
    missing = list(COLUMNS)[taken:]
    if missing:
        log.warning(
            "%s of database %s (schema version %s) has no parameter for %s: not recorded; upgrade "
            "the schema, or the procedure if it is your own, then restart this service",
            procedure,
            connection.info.dbname,
            found.installed,
            ", ".join(missing),
        )
    return store


def longest_delay(failures: int) -> float:
    """Seconds that the next try waits at most, after so many failures in a row."""
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 10))


class Session:
    """A connection that is opened when it is needed.

    The journal and systemd are told when the database becomes unreachable and when it is back.
    """

    def __init__(
        self, open_store: Callable[[], Store], sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._open_store = open_store
        self._sleep = sleep
        self._store: Store | None = None
        self._failures = 0
        self._fault: str | None = None
        self._status = ""

    def open(self) -> Store:
        """The store of this session; connects if needed. Raises what ``open_store`` raises."""
        if self._store is None:
            self._store = self._open_store()
        return self._store

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._store is not None and not self._store.is_broken

    @property
    def is_failing(self) -> bool:
        """Whether the last that is known of the database is a fault."""
        return self._failures > 0

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None

    def back_off(self, reason: str, fault: str = "database unreachable") -> None:
        """Closes the connection and waits before the next try, longer after each failure.

        ``fault``: a key of host.log.MESSAGE_IDS; logged once, until it is another one. The status
        has the last reason.
        """
        self.close()
        if fault != self._fault:
            log_fault(log, fault, f"{fault}, events wait in the spool: {reason}")
        self._fault = fault
        self._tell(f"{fault}: {reason}")
        self._failures += 1
        # Random, so that a fleet of gateways does not come back at the same moment.
        longest = longest_delay(self._failures)
        self._sleep(random.uniform(longest / 2, longest))  # noqa: S311

    def confirm(self) -> None:
        """The database is there: it has committed something, or has all there is."""
        if self._failures:
            log_fault(
                log, "database back", "the database is back, recording continues", logging.INFO
            )
            self._tell("recording")
        self._failures = 0
        self._fault = None

    def _tell(self, status: str) -> None:
        if status != self._status:
            notify(f"STATUS={status}")
        self._status = status
