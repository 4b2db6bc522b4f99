"""Connection strings of libpq: key=value pairs or a URI (libpq, "Connection Strings")."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ctaudit.errors import UsageError

_SECRETS = {"password", "sslpassword"}
_VARIABLES = {
    "service": "PGSERVICE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "dbname": "PGDATABASE",
}


def parse_dsn(dsn: str, name: str = "connection string") -> dict[str, Any]:
    """The parameters of a connection string; "" has none: libpq's environment decides.

    Raises UsageError, which names the option or key ``name``.
    """
    try:
        return conninfo_to_dict(dsn)
    except ProgrammingError:
        # libpq's message repeats pieces of the string, perhaps of a password.
        raise UsageError(
            f'{name}: not a libpq connection string; write "host=... dbname=..." '
            "or postgresql://host/dbname"
        ) from None


def check_dsn(dsn: str, name: str, *, public: bool = False) -> str:
    """Returns ``dsn`` or raises UsageError; ``public``: every user can see it, so no password."""
    parameters = parse_dsn(dsn, name)
    if public and _SECRETS & parameters.keys():
        raise UsageError(
            f"{name}: contains a password, which every user of this machine can see there; "
            "put it into ~/.pgpass or a file that PGPASSFILE names"
        )
    return dsn


def find_remote_host(dsn: str) -> str | None:
    """The hosts of the database as the connection string or the environment has them.

    None: it is on this host, by a socket file or a loopback address, or where it is stands in a
    service file.
    """
    parameters = parse_dsn(dsn)
    named = parameters.get("host") or parameters.get("hostaddr")
    if named is None and not (parameters.get("service") or os.environ.get("PGSERVICE")):
        named = os.environ.get("PGHOST") or os.environ.get("PGHOSTADDR")
    hosts = [host.strip() for host in str(named or "").split(",") if host.strip()]
    remote = [host for host in hosts if not is_local_host(host)]
    return ", ".join(remote) or None


def is_local_host(host: str) -> bool:
    """A socket file, this host's name or a loopback address; "" is libpq's default, a socket."""
    own = {"", "localhost", socket.gethostname().lower()}
    if host.startswith(("/", "@")) or host.lower() in own:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def describe_target(parameters: Mapping[str, Any]) -> str:
    """``host /run/postgresql, database ctaudit``: where libpq would connect to.

    Without user and password; what neither a parameter nor the environment names is a default.
    """
    named = {
        key: parameters.get(key) or os.environ.get(variable) for key, variable in _VARIABLES.items()
    }
    service, database = named["service"], named["dbname"]
    host = named["host"] or named["hostaddr"]
    parts = [f"service {service}"] if service else []
    if host or not service:
        parts.append(f"host {host}" if host else "default host")
    if database or not service:
        parts.append(f"database {database}" if database else "default database")
    return ", ".join(parts)
