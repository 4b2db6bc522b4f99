"""Connections to the store, a bounded number at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ctaudit.database.connection import TooLongError, check_schema_version, connect
from ctaudit.database.dsn import parse_dsn
from ctaudit.errors import DatabaseError
from ctaudit.web.settings import WebSettings

AT_ONCE = 4  # connections
WAIT = 20.0  # seconds for one of them


class Store:
    """The database that the pages ask."""

    def __init__(self, settings: WebSettings) -> None:
        self._dsn = limit_statements(settings.dsn, settings.timeout)
        self._seconds = settings.timeout
        self._free = threading.BoundedSemaphore(AT_ONCE)
        # The driver's own remarks, on a transaction that it could not roll back for instance.
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)

    @contextmanager
    def asking(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection to a database whose schema is of this program's version.

        Raises DatabaseError, also where too many others ask; TooLongError; SchemaError.
        """
        if not self._free.acquire(timeout=WAIT):
            raise DatabaseError(
                f"{AT_ONCE} other questions are being answered; ask again when they are"
            )
        try:
            with connect(self._dsn, "auditor") as connection:
                check_schema_version(connection)
                yield connection
        except DatabaseError as error:
            # Raised "from None", it has the driver's error as context.
            if self._is_late(error.__context__):
                raise TooLongError(
                    f"the database gave no answer within {self._seconds:g} s; ask for a shorter "
                    "time, for one gateway, or with more that is known"
                ) from None
            raise
        finally:
            self._free.release()

    @staticmethod
    def _is_late(error: BaseException | None) -> bool:
        return isinstance(error, psycopg.errors.QueryCanceled) and "statement timeout" in str(error)


def limit_statements(dsn: str, seconds: float) -> str:
    """The connection string, with a limit for each statement; a login's own may be lower."""
    parameters = parse_dsn(dsn)
    parameters["fallback_application_name"] = "ctaudit web"
    own = parameters.get("options", "")
    parameters["options"] = f"{own} -c statement_timeout={round(1000 * seconds)}".strip()
    return psycopg.conninfo.make_conninfo("", **parameters)
