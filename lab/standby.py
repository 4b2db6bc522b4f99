"""A hot standby of a private cluster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from lab.cluster import Cluster, make_directory, quote, run_as

# Of the server's own, which differ by version; the client of a base backup may be too old for it.
_BEGIN = {
    True: "pg_backup_start('standby', true)",
    False: "pg_start_backup('standby', true, false)",
}
_END = {True: "pg_backup_stop(false)", False: "pg_stop_backup(false, false)"}
_LEFT_OUT = ("postmaster.pid", "postmaster.opts")


@contextmanager
def hot_standby(primary: Cluster) -> Iterator[Cluster]:
    """A started standby that follows the primary, which has wal_level replica (the default)."""
    place = make_directory(None, primary.superuser)
    copy = Cluster(place, place / "socket", primary.bin_directory, primary.superuser)
    try:
        _copy_data(primary, copy)
        with (copy.data_directory / "postgresql.conf").open("a") as configuration:
            configuration.write(
                f"unix_socket_directories = {quote(str(copy.socket_directory))}\n"
                f"primary_conninfo = {quote(primary.dsn('postgres'))}\n"
            )
        copy.start()
        yield copy
    finally:
        copy.remove()


def _copy_data(primary: Cluster, copy: Cluster) -> None:
    """A base backup by the server's functions; what it lacks comes by replication."""
    own, data = copy.superuser, copy.data_directory
    with psycopg.connect(primary.dsn("postgres"), autocommit=True) as connection:
        is_new = connection.info.server_version >= 150_000
        connection.execute(f"SELECT {_BEGIN[is_new]}".encode())
        run_as(own, ["cp", "-a", str(primary.data_directory), str(data)])
        row = connection.execute(f"SELECT labelfile FROM {_END[is_new]}".encode()).fetchone()
    assert row is not None
    run_as(own, ["rm", "-f", *(str(data / name) for name in _LEFT_OUT)])
    for name, text in (("backup_label", row[0]), ("standby.signal", "")):
        (data / name).write_text(text)
        shutil.chown(data / name, own)
