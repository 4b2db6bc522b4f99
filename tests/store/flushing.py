"""What the server has counted of a session's reads, told to it at once."""

from __future__ import annotations

import time

import psycopg


def flush_statistics(connection: psycopg.Connection) -> None:
    if connection.info.server_version >= 150000:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return
    # A session tells the collector at most each half second, after a statement.
    for _ in range(2):
        time.sleep(0.6)
        connection.execute("SELECT")
