"""Which database a command asks, and the connection to it."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ctaudit import output
from ctaudit.config import Config, load_config

if TYPE_CHECKING:
    import psycopg

_UNREACHED = "CT008"  # sql/front/note_unreached.sql


def pick_dsn(args: Namespace, config: Config | None = None) -> str:
    """--dsn, else database.dsn of the configuration, else "": libpq's own environment.

    With --dsn the configuration is not read, so that an auditor need not be able to.
    """
    from ctaudit.database.dsn import check_dsn

    if args.dsn is not None:
        return check_dsn(args.dsn, "--dsn", public=True)
    return check_dsn((config or load_config(args.config)).database.dsn, "database.dsn")


@contextmanager
def asking(args: Namespace) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database whose schema is of this program's version.

    What a front says of stores that it could not reach is a remark, each sentence once.
    """
    from ctaudit.database.connection import check_schema_version, connect

    # The driver's own remarks, on a transaction that it could not roll back for instance.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    with connect(pick_dsn(args), "auditor") as connection:
        check_schema_version(connection)
        watch_unreached(connection, output.remark)
        yield connection


def watch_unreached(connection: psycopg.Connection[Any], say: Callable[[str], None]) -> None:
    """Calls ``say`` with each sentence of a front on a store that it could not reach, once."""
    connection.add_notice_handler(partial(_hear, set(), say))


def _hear(
    said: set[str], say: Callable[[str], None], diagnostic: psycopg.errors.Diagnostic
) -> None:
    sentence = diagnostic.message_primary
    if diagnostic.sqlstate == _UNREACHED and sentence and sentence not in said:
        said.add(sentence)
        say(sentence)
