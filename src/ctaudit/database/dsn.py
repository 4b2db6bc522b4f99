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

# The last three are of libpq 18.
_SECRETS = {
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
}
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
    parse_dsn(dsn, name)
    if public and has_secret(dsn):
        raise UsageError(
            f"{name}: contains a password, which every user of this machine can see there; "
            "put it into ~/.pgpass or a file that PGPASSFILE names"
        )
    return dsn


def has_secret(dsn: str) -> bool:
    """Whether who reads the connection string may connect by it. Raises UsageError."""
    return bool(_SECRETS & parse_dsn(dsn).keys())


def find_remote_host(dsn: str) -> str | None:
    """The hosts of the database as the connection string or the environment has them.

    None: it is on this host, by a socket file or one of its addresses, or where it is stands in a
    service file.
    """
    parameters = parse_dsn(dsn)
    hosts, addresses = parameters.get("host"), parameters.get("hostaddr")
    is_named = hosts or addresses or parameters.get("service") or os.environ.get("PGSERVICE")
    if not is_named:
        hosts, addresses = os.environ.get("PGHOST"), os.environ.get("PGHOSTADDR")
    # libpq connects to hostaddr; host is then the name of it in the server's certificate.
    reached = _split_hosts(addresses or hosts)
    shown = _split_hosts(hosts)
    names = shown if len(shown) == len(reached) else reached
    pairs = zip(names, reached, strict=True)
    return ", ".join(name for name, host in pairs if not is_local_host(host)) or None


def _split_hosts(text: object) -> list[str]:
    return [host.strip() for host in str(text or "").split(",") if host.strip()]


def is_local_host(host: str) -> bool:
    """A socket file, this host's name or an address of it; "" is libpq's default, a socket."""
    own = {"", "localhost", socket.gethostname().lower()}
    if host.startswith(("/", "@")) or host.lower() in own:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or _is_own_address(host, address.version)


def _is_own_address(host: str, family: int) -> bool:
    try:
        with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6) as trial:
            trial.bind((host, 0))
    except OSError:
        return False
    return True


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
