"""The hosts of a connection string, tried one after the other.

libpq's own list is not enough: connecting without blocking, as the driver does, it waits for a
host that does not answer until the caller gives up, and never comes to the next (libpq,
"PQconnectStart": connect_timeout is ignored). psycopg takes the hosts apart since 3.1.13.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

from psycopg.pq import Conninfo

Parameters = Mapping[str, Any]

_LISTS = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT"}
WANTED = "target_session_attrs"
_PORT = "5432"
_SERVICE = "PGSERVICE"
_environment = Lock()


def read_wanted(parameters: Parameters) -> str | None:
    """target_session_attrs of the connection string or the environment: which server will do."""
    return parameters.get(WANTED) or os.environ.get("PGTARGETSESSIONATTRS")


def list_attempts(parameters: Parameters) -> list[dict[str, Any]]:
    """The parameters of each attempt to connect, one address each, in the order of the hosts."""
    parameters = with_service(parameters)
    attempts = [
        resolved for one in _split_hosts(parameters) for resolved in _resolve_name(one)
    ] or [dict(parameters)]
    if read_wanted(parameters) != "prefer-standby" or len(attempts) == 1:
        return attempts
    return [{**one, WANTED: how} for how in ("standby", "any") for one in attempts]


def with_service(parameters: Parameters) -> Parameters:
    """With the hosts that stand in libpq's service file, where a service is named."""
    service = parameters.get("service") or os.environ.get(_SERVICE)
    if not service:
        return parameters
    known = _read_service(str(service))
    return {**{key: known[key] for key in (*_LISTS, WANTED) if key in known}, **parameters}


def _read_service(service: str) -> dict[str, str]:
    """What libpq would take for parameters that no connection string has.

    It reads a service's file for a connection and for this, by the environment's name alone. One
    that it does not find it names when it connects.
    """
    with _environment:
        before = os.environ.get(_SERVICE)
        os.environ[_SERVICE] = service
        try:
            options = Conninfo.get_defaults()
        finally:
            if before is None:
                del os.environ[_SERVICE]
            else:
                os.environ[_SERVICE] = before
    return {option.keyword.decode(): os.fsdecode(option.val) for option in options if option.val}


def _read_lists(parameters: Parameters) -> dict[str, str]:
    named = {
        key: parameters.get(key) or os.environ.get(variable) for key, variable in _LISTS.items()
    }
    if parameters.get("host") and not parameters.get("hostaddr"):
        del named["hostaddr"]  # the environment's is for its own host
    return {key: str(value) for key, value in named.items() if value}


def _split_hosts(parameters: Parameters) -> Iterator[dict[str, Any]]:
    """As libpq: lists of equal length, or one port for all hosts; what does not fit stays whole."""
    lists = {key: value.split(",") for key, value in _read_lists(parameters).items()}
    count = max((len(lists[key]) for key in ("host", "hostaddr") if key in lists), default=1)
    if count > 1 and len(lists.get("port", ())) == 1:
        lists["port"] *= count
    if count == 1 or any(len(values) != count for values in lists.values()):
        yield dict(parameters)
        return
    for number in range(count):
        yield {**parameters, **{key: values[number].strip() for key, values in lists.items()}}


def _resolve_name(parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One for each address of a name; as it is where libpq has nothing to look up, or fails to."""
    host = str(parameters.get("host") or "")
    if not host or host.startswith(("/", "@")) or "," in host or parameters.get("hostaddr"):
        yield parameters
        return
    addresses: list[str] = []
    with suppress(OSError, ValueError):
        port = str(parameters.get("port") or _PORT)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if len(addresses) < 2:
        yield parameters
        return
    # The name stays, by which the server's certificate is verified.
    yield from ({**parameters, "hostaddr": address} for address in addresses)
