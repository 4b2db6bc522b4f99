"""Connection strings of libpq: key=value pairs or a URI (libpq, "Connection Strings")."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from ctaudit.database.hosts import with_service
from ctaudit.errors import UsageError

# The last three are of libpq 18.
_SECRETS = {
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
}
_STARS = "***"
DEFAULT_DATABASE = "ctaudit"  # that setup --local makes
_DNS_PATIENCE = 1.0  # seconds
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


def hide_secrets(dsn: str) -> str:
    """As it is where it has no secret; else as key=value pairs, with stars in place of secrets.

    Raises UsageError.
    """
    parameters = parse_dsn(dsn)
    hidden = dict.fromkeys(_SECRETS & parameters.keys(), _STARS)
    return make_conninfo(**{**parameters, **hidden}) if hidden else dsn


def read_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What libpq takes from it for parameters that no connection string has.

    By the variable's name (parameter, value), with stars in place of secrets.
    """
    found = {}
    for option in Conninfo.get_defaults():
        name, variable = option.keyword.decode(), (option.envvar or b"").decode()
        if environment.get(variable):
            is_secret = name in _SECRETS or option.dispchar == b"*"
            found[variable] = name, _STARS if is_secret else environment[variable]
    return found


def find_remote_host(dsn: str) -> str | None:
    """The hosts of the database as the connection string or the environment has them.

    None: it is on this host, by a socket file or one of its addresses, or by a service that names
    no host.
    """
    parameters = with_service(parse_dsn(dsn))
    hosts, addresses = parameters.get("host"), parameters.get("hostaddr")
    is_named = hosts or addresses or parameters.get("service") or os.environ.get("PGSERVICE")
    if not is_named:
        hosts, addresses = os.environ.get("PGHOST"), os.environ.get("PGHOSTADDR")
    # libpq connects to hostaddr; host is then the name of it in the server's certificate.
    reached = _split_hosts(addresses or hosts)
    shown = _split_hosts(hosts)
    names = shown if len(shown) == len(reached) else reached
    pairs, until = zip(names, reached, strict=True), time.monotonic() + _DNS_PATIENCE
    remote = (name for name, host in pairs if not is_local_host(host, until - time.monotonic()))
    return ", ".join(remote) or None


def pick_local_dsn(dsn: str) -> str:
    """The database of ``dsn`` by this host's socket, as this user; the default one if that is
    elsewhere, or a service file knows where. The login and the password of ``dsn`` are another's.
    """
    parameters = parse_dsn(dsn)
    if "service" in parameters or find_remote_host(dsn) is not None:
        return make_conninfo(dbname=DEFAULT_DATABASE)
    host = str(parameters.get("host") or "")
    kept = {"host": host} if host.startswith(("/", "@")) else {}
    if "port" in parameters:
        kept["port"] = str(parameters["port"])
    return make_conninfo(dbname=parameters.get("dbname") or DEFAULT_DATABASE, **kept)


def _split_hosts(text: object) -> list[str]:
    return [host.strip() for host in str(text or "").split(",") if host.strip()]


def is_local_host(host: str, patience: float = _DNS_PATIENCE) -> bool:
    """A socket file, a name of this host or an address of it; "" is libpq's default, a socket.

    ``patience``: seconds that a name server has; one that does not answer knows no such name.
    """
    own = {"", "localhost", socket.gethostname().lower()}
    if host.startswith(("/", "@")) or host.lower() in own:
        return True
    addresses = _list_addresses(host, patience)
    return bool(addresses) and all(map(_is_own_address, addresses))


def _list_addresses(host: str, patience: float) -> set[str]:
    """None where the name is not known, or not within ``patience`` seconds."""
    with suppress(ValueError):
        return {str(ip_address(host))}
    asked: Future[set[str]] = Future()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            asked.set_result(set())
        else:
            asked.set_result({str(address[0]) for *_, address in found})

    # Whoever waits for a name cannot be interrupted; a daemon's thread ends with the program.
    Thread(target=ask, daemon=True).start()
    with suppress(TimeoutError):
        return asked.result(max(0.0, patience))
    return set()


def _is_own_address(host: str) -> bool:
    """Whether a socket may have this address. Connected to itself, so that it is refused where
    net.ipv4.ip_nonlocal_bind lets a socket have any.
    """
    address = ip_address(host)
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((host, 0))
            trial.connect((host, 9))  # sends nothing
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
